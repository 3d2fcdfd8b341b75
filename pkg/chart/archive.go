package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"path"
	"time"
)

// Archive returns the umbrella chart packed as Helm packs charts: a gzipped
// tar of one folder named Name. The same Deployment gives the same bytes.
func (d *Deployment) Archive() ([]byte, error) {
	files, err := d.Files()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	tarred := tar.NewWriter(zipped)
	for _, file := range files {
		header := &tar.Header{
			Name:    path.Join(Name, file.Name),
			Mode:    0o644,
			Size:    int64(len(file.Data)),
			ModTime: time.Unix(0, 0),
		}
		if err := tarred.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := tarred.Write(file.Data); err != nil {
			return nil, err
		}
	}
	if err := tarred.Close(); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
