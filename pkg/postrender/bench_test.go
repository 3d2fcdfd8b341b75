package postrender_test

import (
	"strings"
	"testing"
)

// BenchmarkRender is the work on the stream alone: our own charts are rendered
// before.
func BenchmarkRender(b *testing.B) {
	r := byNetwork["calico"](b)
	stream := []byte(strings.Repeat(corpus(b)["openstack-helm"]+"\n", 100))
	if _, err := r.Render(stream, "stdin"); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Render(stream, "stdin"); err != nil {
			b.Fatal(err)
		}
	}
}
