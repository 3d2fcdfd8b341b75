// Package charts holds the charts of the project's services, as files.
package charts

import "embed"

// FS has a folder for each chart, and the library chart common.
//
//go:embed */Chart.yaml */values.yaml */values.schema.json */services.yaml common/releases.yaml common/global.yaml
//go:embed all:*/templates
var FS embed.FS
