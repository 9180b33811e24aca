package app

import (
	"bytes"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeSSH, sshLine, sshFields)

var (
	fSSHProtocol = decode.Define("ssh.protocol", "Protocol", decode.KindText)
	fSSHLength   = decode.Define("ssh.packet_length", "Packet length", decode.KindUint)
	fSSHPadding  = decode.Define("ssh.padding_length", "Padding length", decode.KindUint)
	fSSHCode     = decode.Define("ssh.message_code", "Message code", decode.KindUint)
	fSSHCookie   = decode.Define("ssh.cookie", "Cookie", decode.KindBytes)
	fSSHKex      = decode.Define("ssh.kex_algorithms", "Key exchange algorithms", decode.KindText)
	fSSHHostKey  = decode.Define("ssh.server_host_key_algorithms", "Host key algorithms", decode.KindText)
	fSSHCipherC  = decode.Define("ssh.encryption_algorithms_client_to_server", "Encryption, client to server", decode.KindText)
	fSSHCipherS  = decode.Define("ssh.encryption_algorithms_server_to_client", "Encryption, server to client", decode.KindText)
	fSSHMACC     = decode.Define("ssh.mac_algorithms_client_to_server", "MAC, client to server", decode.KindText)
	fSSHMACS     = decode.Define("ssh.mac_algorithms_server_to_client", "MAC, server to client", decode.KindText)
	fSSHCompC    = decode.Define("ssh.compression_algorithms_client_to_server", "Compression, client to server", decode.KindText)
	fSSHCompS    = decode.Define("ssh.compression_algorithms_server_to_client", "Compression, server to client", decode.KindText)
	fSSHLangC    = decode.Define("ssh.languages_client_to_server", "Languages, client to server", decode.KindText)
	fSSHLangS    = decode.Define("ssh.languages_server_to_client", "Languages, server to client", decode.KindText)
)

// sshLists are those of KEXINIT, in their order (RFC 4253 section 7.1).
var sshLists = [...]*decode.Definition{
	fSSHKex, fSSHHostKey, fSSHCipherC, fSSHCipherS, fSSHMACC, fSSHMACS, fSSHCompC, fSSHCompS, fSSHLangC, fSSHLangS,
}

var sshName = decode.Names{
	1: "Disconnect", 2: "Ignore", 3: "Unimplemented", 4: "Debug", 5: "Service Request", 6: "Service Accept",
	7: "Extension Info", 20: "Key Exchange Init", 21: "New Keys", 30: "Key Exchange 30", 31: "Key Exchange 31",
	32: "Key Exchange 32", 33: "Key Exchange 33", 34: "Key Exchange 34",
}.Of

const (
	sshKexInit = 20
	sshPackets = 8 // of a segment that are shown
)

// sshPacket tells a packet in the clear, as they are until the new keys: what is encrypted has no length that fits.
func sshPacket(data []byte, off int) (size int, ok bool) {
	r := reader{b: data, off: off}
	size = r.number(4)
	padding, code := r.number(1), uint64(r.number(1))
	return size, !r.bad && size >= 8 && size <= 35000 && padding >= 4 && padding < size && sshName(code) != ""
}

// sshText is the line of the version at the start, and where what follows starts (RFC 4253 section 4.2).
func sshText(data []byte) (line []byte, end int) {
	if !bytes.HasPrefix(data, []byte("SSH-")) {
		return nil, 0
	}
	line, end, _ = nextLine(data[:min(len(data), 512)], 0)
	return line, end
}

func sshFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	line, off := sshText(data)
	if line != nil {
		w.Bytes(fSSHProtocol, 0, len(line))
	}
	size, ok := sshPacket(data, off)
	if !ok {
		return
	}
	w.Uint(fSSHLength, off, 4)
	w.Uint(fSSHPadding, off+4, 1)
	if w.Enum(fSSHCode, off+5, 1, sshName) != sshKexInit {
		return
	}
	w.Bytes(fSSHCookie, off+6, 16)
	r := reader{b: data[:min(len(data), off+4+size)], off: off + 22}
	for _, d := range sshLists {
		if l := r.list(4); !r.bad && l.n > 0 {
			w.Bytes(d, l.off, l.n)
		}
	}
}

func sshLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "SSH"...)
	line, off := sshText(data)
	if line != nil {
		b = decode.AppendQuoted(append(b, ' '), line, maxText)
	}
	n := 0
	for ; n < sshPackets; n++ {
		size, ok := sshPacket(data, off)
		if !ok {
			break
		}
		if n > 0 || line != nil {
			b = append(b, ',')
		}
		b = append(append(b, ' '), sshName(uint64(data[off+5]))...)
		if data[off+5] == sshKexInit {
			r := reader{b: data[:min(len(data), off+4+size)], off: off + 22}
			kex := r.list(4)
			r.list(4)
			if cipher := r.list(4); !r.bad {
				b = appendPreferred(append(b, " kex "...), kex.of(data))
				b = appendPreferred(append(b, " cipher "...), cipher.of(data))
			}
		}
		off += 4 + size
	}
	if n == 0 && line == nil {
		b = strconv.AppendInt(append(b, " encrypted, length "...), int64(len(data)), 10)
	}
	return b, true
}

// appendPreferred adds the first name of a list, which is what its side likes best.
func appendPreferred(b, names []byte) []byte {
	first, _, _ := bytes.Cut(names, []byte(","))
	return decode.AppendQuoted(b, first, maxText)
}
