// Package build says which build of Parley a program is.
package build

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// release is the version of a program that was not built from a repository: an image's Dockerfile sets it,
//
//	go build -ldflags "-X parley/cmd/observe/build.release=v1.2.3"
var release string

// Info is what a program knows of its build.
type Info struct {
	// Version is a release, or the commit that it was made of: "v1.2.3", "devel-0123456789ab+dirty".
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // the whole commit
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// Read returns the build of this program.
func Read() Info {
	info, _ := debug.ReadBuildInfo()
	return from(info, release)
}

// from reads what the linker left.
func from(info *debug.BuildInfo, release string) Info {
	b := Info{Version: release, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info == nil {
		info = &debug.BuildInfo{}
	}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if b.Version != "" {
		return b
	}
	if b.Version = info.Main.Version; b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
		if b.Revision != "" {
			b.Version += "-" + b.Revision[:min(12, len(b.Revision))]
		}
	}
	if dirty && !strings.Contains(b.Version, "dirty") {
		b.Version += "+dirty"
	}
	return b
}

// String is the build in one line.
func (i Info) String() string {
	return fmt.Sprintf("%s %s %s/%s", i.Version, i.Go, i.OS, i.Arch)
}
