package decode

import (
	"bytes"

	"sockwire/raw/wire"
)

// application returns the layer that a transport header h carries. Ports tell it, and where those are not
// reserved or carry many protocols the first bytes. It is a guess by custom, as port numbers are.
func (c *cursor) application(h []byte, stream bool) Type {
	b := c.data[min(c.off, len(c.data)):min(len(c.data), max(c.end, c.off))]
	if len(b) == 0 || c.quoted {
		return TypePayload
	}
	src, dst := be16(h), be16(h[2:])
	if !stream {
		if t := tunnelOverUDP(src, dst, b); t != TypeNone {
			return t
		}
	}
	if c.d.SkipApplications {
		return TypePayload
	}
	for _, port := range [...]uint16{dst, src} {
		if t, ok := c.d.Ports[port]; ok {
			return t
		}
	}
	if stream {
		return overTCP(src, dst, b)
	}
	return overUDP(src, dst, b)
}

// tunnelOverUDP tells the layers below an application that use UDP.
func tunnelOverUDP(src, dst uint16, b []byte) Type {
	switch wire.TunnelOverUDP(src, dst, b) {
	case wire.TunnelVXLAN:
		return TypeVXLAN
	case wire.TunnelGeneve:
		return TypeGeneve
	case wire.TunnelMPLS:
		return TypeMPLS
	case wire.TunnelESP:
		return TypeESP
	}
	return TypeNone
}

func overUDP(src, dst uint16, b []byte) Type {
	if len(b) >= 20 && b[0]&0xc0 == 0 && be32(b[4:]) == stunCookie {
		return TypeSTUN
	}
	for _, port := range [...]uint16{dst, src} {
		switch port {
		case wire.PortDNS, wire.PortLLMNR:
			return TypeDNS
		case wire.PortMDNS:
			return TypeMDNS
		case wire.PortDHCPServer, wire.PortDHCPClient:
			if b[0] == 1 || b[0] == 2 {
				return TypeDHCPv4
			}
		case wire.PortDHCPv6, wire.PortDHCPv6Srv:
			return TypeDHCPv6
		case wire.PortNTP:
			return TypeNTP
		case wire.PortTFTP:
			return TypeTFTP
		case wire.PortSNMP, wire.PortSNMPTrap:
			return TypeSNMP
		case wire.PortSyslog:
			if b[0] == '<' {
				return TypeSyslog
			}
		case wire.PortHTTPS:
			if isQUIC(b) && (knownQUIC(be32(b[1:])) || offeredQUIC(be32(b[1:]))) {
				return TypeQUIC
			}
		}
	}
	if isQUIC(b) && knownQUIC(be32(b[1:])) {
		return TypeQUIC
	}
	return TypePayload
}

// stunCookie is the magic cookie of RFC 8489.
const stunCookie = 0x2112a442

// isQUIC tells a long header (RFC 8999): the first bit, and connection ids that are inside the datagram.
func isQUIC(b []byte) bool {
	if len(b) < 7 || b[0]&0xc0 != 0xc0 && (b[0]&0x80 == 0 || be32(b[1:]) != 0) {
		return false
	}
	d := int(b[5])
	if d > 20 || 6+d >= len(b) {
		return false
	}
	s := int(b[6+d])
	return s <= 20 && 7+d+s <= len(b)
}

func knownQUIC(version uint32) bool {
	return version == 1 || version == 0x6b3343cf || version>>8 == 0xff0000
}

// offeredQUIC tells a version that is none but belongs to QUIC: that of a version negotiation, those that are reserved to
// force one (RFC 9000 section 15), and Google's, such as Q050.
func offeredQUIC(version uint32) bool {
	return version == 0 || version&0x0f0f0f0f == 0x0a0a0a0a || (version>>16 == 'Q'<<8|'0' || version>>16 == 'T'<<8|'0')
}

func overTCP(src, dst uint16, b []byte) Type {
	if isTLS(b, tlsPort(src) || tlsPort(dst)) {
		return TypeTLS
	}
	if src == wire.PortDNS || dst == wire.PortDNS {
		return TypeDNS
	}
	if isHTTP(b) {
		return TypeHTTP
	}
	return TypePayload
}

func tlsPort(port uint16) bool {
	switch port {
	case 443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8443:
		return true
	}
	return false
}

// isTLS tells a TLS record (RFC 8446 section 5.1). Away from the ports of TLS only hellos are taken for it.
func isTLS(b []byte, port bool) bool {
	if len(b) < 6 || b[0] < 20 || b[0] > 24 || b[1] != 3 || b[2] > 4 || be16(b[3:]) > 1<<14+2048 {
		return false
	}
	return port || b[0] == 22 && (b[5] == 1 || b[5] == 2)
}

var httpMethods = [...]string{"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "TRACE "}

// isHTTP tells the first line of an HTTP/1 request or response.
func isHTTP(b []byte) bool {
	if b[0] < 'C' || b[0] > 'T' {
		return false
	}
	if b[0] == 'H' && bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return true
	}
	for _, m := range httpMethods {
		if len(b) >= len(m) && string(b[:len(m)]) == m {
			line := b[:min(len(b), 4096)]
			if i := bytes.IndexByte(line, '\n'); i >= 0 {
				line = line[:i]
				return bytes.Contains(line, []byte(" HTTP/1."))
			}
			return len(b) > len(m) && (b[len(m)] == '/' || b[len(m)] == '*' || b[len(m)] == 'h')
		}
	}
	return false
}
