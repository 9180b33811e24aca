package decode

func isDHCP(b []byte, port bool) bool { return b[0] == 1 || b[0] == 2 }

// isSNMP tells a sequence, as ASN.1 has it.
func isSNMP(b []byte, port bool) bool { return b[0] == 0x30 }

// isSyslog tells the priority of a message, or the length that one has in a stream (RFC 6587 section 3.4.1).
func isSyslog(b []byte, _ bool) bool {
	for i := 0; i < len(b) && i < 8; i++ {
		if b[i] == '<' {
			return i == 0 || b[i-1] == ' '
		}
		if b[i] != ' ' && (b[i] < '0' || b[i] > '9') {
			return false
		}
	}
	return false
}

// isDNS tells a DNS message (RFC 1035 section 4.1), also behind the length that it has in a stream. On its ports all
// counts. Elsewhere it has one question whose name can be one of a host or a service, and counts of records that fit.
func isDNS(b []byte, port bool) bool {
	return port || isDNSMessage(b) || len(b) > 2 && int(be16(b)) == len(b)-2 && isDNSMessage(b[2:])
}

// lengthDNS is that of a message behind two bytes that say how long it is (RFC 1035 section 4.2.2).
func lengthDNS(b []byte) int {
	switch {
	case len(b) < 2:
		return 0
	case be16(b) < 12:
		return -1
	}
	return 2 + int(be16(b))
}

func isDNSMessage(b []byte) bool {
	if len(b) < 17 || b[4] != 0 || b[5] != 1 { // one question
		return false
	}
	opcode, rcode, answer := b[2]>>3&15, b[3]&15, b[2]&0x80 != 0
	records := int(be16(b[6:])) + int(be16(b[8:])) + int(be16(b[10:]))
	switch {
	case opcode > 5 || opcode == 3 || rcode > 10 || b[3]&0x40 != 0:
		return false
	case !answer && (rcode != 0 || opcode == 0 && (records > 2 || b[6]|b[7] != 0 || b[3]&0x80 != 0)):
		return false
	}
	at := dnsName(b, 12)
	if at < 0 || at+4 > len(b) {
		return false
	}
	class, kind := be16(b[at+2:])&0x7fff, be16(b[at:])
	if class != 1 && class != 3 && class != 4 && class != 255 && class != 254 {
		return false
	}
	if kind == 0 || kind > 300 && kind != 32768 && kind != 32769 && kind != 65535 {
		return false
	}
	at += 4
	if records == 0 {
		return at == len(b)
	}
	// The first record: its name is the root, a pointer to what came before, or labels.
	return at < len(b) && (b[at] == 0 || b[at] < 64 || b[at]&0xc0 == 0xc0 && at+1 < len(b) && b[at]&0x3f == 0 && int(b[at+1]) < at)
}

// dnsName returns where the name at an offset ends, -1 where it is none that hosts and services have, or is the root.
func dnsName(b []byte, at int) int {
	start := at
	for at < len(b) && at < start+255 {
		n := int(b[at])
		at++
		if n == 0 {
			if at == start+1 {
				return -1
			}
			return at
		}
		if n > 63 || at+n > len(b) {
			return -1
		}
		for _, c := range b[at : at+n] {
			if c < '!' || c > '~' {
				return -1
			}
		}
		at += n
	}
	return -1
}

// isTFTP tells what a transfer sends on the ports that it moves to (RFC 1350): an acknowledgement or a whole block. The
// last block, which is shorter, looks like too much else.
func isTFTP(b []byte, port bool) bool {
	if port {
		return true
	}
	return b[0] == 0 && (len(b) == 4 && b[1] == 4 || len(b) == 516 && b[1] == 3)
}
