//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package capture

import "os"

// mapFile maps nothing on this system: files are read like pipes.
func mapFile(*os.File) (*mapping, int64) { return nil, 0 }
