package cli

import (
	"runtime"
	"runtime/debug"
)

// Version says what this program was built from: the module's version, or the commit and its time, with a mark
// where the tree had changes, and the Go release.
func Version() string {
	version, commit, when, dirty := "(devel)", "", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = " " + s.Value[:min(12, len(s.Value))]
			case "vcs.time":
				when = " " + s.Value
			case "vcs.modified":
				if s.Value == "true" {
					dirty = " (modified)"
				}
			}
		}
	}
	return version + commit + when + dirty + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
