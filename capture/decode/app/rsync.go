package app

import "sockwire/capture/decode"

var _ = show(decode.TypeRsync, rsyncLine, rsyncFields)

var (
	fRsyncVersion = decode.Define("rsync.hdr_version", "Version", decode.KindText).As("version")
	fRsyncCommand = decode.Define("rsync.command", "Line", decode.KindText).As("line")
)

const rsyncMagic = "@RSYNCD:"

// rsyncFields describes the lines in which the sides of a daemon's session greet and name a module.
func rsyncFields(w *decode.FieldWriter, _ bool) {
	line, _, ok := nextLine(w.Data(), 0)
	if len(line) > len(rsyncMagic)+1 && string(line[:len(rsyncMagic)]) == rsyncMagic {
		w.Bytes(fRsyncVersion, len(rsyncMagic)+1, len(line)-len(rsyncMagic)-1)
	} else if ok && printable(line) {
		w.Bytes(fRsyncCommand, 0, len(line))
	}
}

func rsyncLine(b, data []byte, _ bool) ([]byte, bool) {
	if line, _, ok := nextLine(data, 0); ok && printable(line) {
		return appendFirst(append(b, "rsync: "...), data), true
	}
	return append(b, "rsync"...), true
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
