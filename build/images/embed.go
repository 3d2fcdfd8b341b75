// Package images holds the recipes of the project's images, as files.
package images

import "embed"

// FS has a folder for each image with its Containerfile and what that copies, and releases.yaml.
//
//go:embed releases.yaml */Containerfile */tap-not-managed.*
var FS embed.FS
