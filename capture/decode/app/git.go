package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeGit, "git", gitFields)

var (
	fGitLength = decode.Define("git.length", "Packet length", decode.KindUint).As("length")
	fGitFlush  = decode.Define("git.packet_type", "Special packet", decode.KindUint).As("special").
			Means(decode.Names{0: "flush", 1: "delimiter", 2: "response end"}.Of).InLine(" ")
	fGitData = decode.Define("git.data", "Data", decode.KindText).InLine(" ")
)

// gitFields describes a packet line: its length in four hexadecimal digits, itself included, and what it holds.
func gitFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	n, ok := hexLength(data)
	if !ok {
		return
	}
	if n < 4 {
		w.Value(fGitFlush, 0, 4, uint64(n))
		w.Note(decode.Names{0: "flush", 1: "delimiter", 2: "response end"}.Of(uint64(n)))
		return
	}
	w.Value(fGitLength, 0, 4, uint64(n))
	w.Bytes(fGitData, 4, min(n, len(data))-4)
}

func hexLength(data []byte) (n int, ok bool) {
	if len(data) < 4 {
		return 0, false
	}
	for _, c := range data[:4] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}
