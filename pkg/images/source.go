package images

import (
	"errors"
	neturl "net/url"
	"strings"
)

// Source is where an image takes something from that is no package, such as
// networking-calico: a folder, or a repository of Git's.
type Source struct {
	// Name is what it is.
	Name string
	// Dir is a folder. GitURL is a repository, which #subdirectory=FOLDER may
	// follow, and GitRef its tag, branch or commit; empty: its default branch.
	Dir, GitURL, GitRef string
}

// Arg returns the build argument that says where recipes take the source from.
func (s Source) Arg() string { return strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")) }

// Value returns what the build argument says, as pip takes it: where recipes
// copy the folder of this name in the context to, or a URL.
func (s Source) Value() (string, error) {
	switch {
	case s.Dir != "" && (s.GitURL != "" || s.GitRef != ""):
		return "", errors.New("source_dir and git_url both say where it is: give one of them")
	case s.Dir != "":
		return "/context/" + s.Name, nil
	case s.GitURL == "":
		return "", errors.New("say where it is: source_dir: FOLDER, or git_url: URL")
	}
	url, fragment, found := strings.Cut(strings.TrimPrefix(s.GitURL, "git+"), "#")
	if !strings.Contains(url, "://") || strings.HasPrefix(url, "-") || strings.ContainsAny(s.GitURL, " \t\n") {
		return "", errors.New("git_url: want a URL such as https://github.com/projectcalico/calico#subdirectory=networking-calico, or ssh://git@HOST/PATH")
	}
	if parsed, err := neturl.Parse(url); err != nil {
		return "", errors.New("git_url: this is no URL")
	} else if _, secret := parsed.User.Password(); secret || parsed.User != nil && parsed.Scheme != "ssh" {
		return "", errors.New("git_url: what one logs in with would be in the image and in argument lists: clone it, and give source_dir")
	}
	value := "git+" + url
	if s.GitRef != "" {
		value += "@" + s.GitRef
	}
	if found {
		value += "#" + fragment
	}
	return value, nil
}
