package decode

import (
	"bytes"

	"sockwire/raw/wire"
)

// Layer types above the transport. To add one: a type and a row here, and a file in package app that shows it.
const (
	TypeDNS Type = iota + firstApplication
	TypeMDNS
	TypeDHCPv4
	TypeDHCPv6
	TypeNTP
	TypeHTTP
	TypeTLS
	TypeQUIC
	TypeTFTP
	TypeSyslog
	TypeSNMP
	TypeSTUN
	TypeRTP
	TypeBGP
	TypeRADIUS
	TypeRIP
	TypeRIPng
	TypeBFD
	TypeHSRP
	TypeLDP

	numTypes
)

// application is a protocol above the transport, and how it is known.
type application struct {
	name, title string
	udp, tcp    []uint16
	// is tells whether b, which is not empty, may be a message, on a port of the protocol or on another. Where it is
	// nil the ports tell.
	is func(b []byte, port bool) bool
	// elsewhere says where what its ports do not tell is looked for.
	elsewhere elsewhere
}

type elsewhere uint8

const (
	nowhere        elsewhere = iota
	datagramsFirst           // in datagrams, before the ports of others decide
	datagrams
	streamsFirst
	streams
)

var applications = [numTypes - firstApplication]application{
	TypeDNS - firstApplication: {name: "dns", title: "DNS", udp: []uint16{wire.PortDNS, wire.PortLLMNR},
		tcp: []uint16{wire.PortDNS}},
	TypeMDNS - firstApplication: {name: "mdns", title: "mDNS", udp: []uint16{wire.PortMDNS}},
	TypeDHCPv4 - firstApplication: {name: "dhcp", title: "DHCPv4", udp: []uint16{wire.PortDHCPServer, wire.PortDHCPClient},
		is: func(b []byte, port bool) bool { return b[0] == 1 || b[0] == 2 }},
	TypeDHCPv6 - firstApplication: {name: "dhcpv6", title: "DHCPv6", udp: []uint16{wire.PortDHCPv6, wire.PortDHCPv6Srv}},
	TypeNTP - firstApplication:    {name: "ntp", title: "NTP", udp: []uint16{wire.PortNTP}},
	TypeHTTP - firstApplication:   {name: "http", title: "HTTP", is: isHTTP, elsewhere: streams},
	TypeTLS - firstApplication: {name: "tls", title: "TLS",
		tcp: []uint16{443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8443},
		is:  isTLS, elsewhere: streamsFirst},
	TypeQUIC - firstApplication: {name: "quic", title: "QUIC", udp: []uint16{wire.PortHTTPS}, is: isQUIC,
		elsewhere: datagrams},
	TypeTFTP - firstApplication: {name: "tftp", title: "TFTP", udp: []uint16{wire.PortTFTP}},
	TypeSyslog - firstApplication: {name: "syslog", title: "Syslog", udp: []uint16{wire.PortSyslog},
		is: func(b []byte, port bool) bool { return b[0] == '<' }},
	TypeSNMP - firstApplication: {name: "snmp", title: "SNMP", udp: []uint16{wire.PortSNMP, wire.PortSNMPTrap}},
	TypeSTUN - firstApplication: {name: "stun", title: "STUN", is: isSTUN, elsewhere: datagramsFirst},
	TypeRTP - firstApplication:  {name: "rtp", title: "RTP"}, // Decoder.Ports tells
	TypeBGP - firstApplication:  {name: "bgp", title: "BGP", tcp: []uint16{179}, is: isBGP, elsewhere: streamsFirst},
	TypeRADIUS - firstApplication: {name: "radius", title: "RADIUS",
		udp: []uint16{1645, 1646, 1700, 1812, 1813, 3799}, is: isRADIUS},
	TypeRIP - firstApplication:   {name: "rip", title: "RIP", udp: []uint16{520}},
	TypeRIPng - firstApplication: {name: "ripng", title: "RIPng", udp: []uint16{521}},
	TypeBFD - firstApplication: {name: "bfd", title: "BFD", udp: []uint16{3784, 4784, 6784, 7784},
		is: func(b []byte, port bool) bool { return len(b) >= 24 && b[0]>>5 <= 1 }},
	TypeHSRP - firstApplication: {name: "hsrp", title: "HSRP", udp: []uint16{1985, 2029}},
	TypeLDP - firstApplication: {name: "ldp", title: "LDP", udp: []uint16{646}, tcp: []uint16{646},
		is: func(b []byte, port bool) bool { return len(b) >= 10 && be16(b) == 1 }},
}

func (t Type) application() *application { return &applications[t-firstApplication] }

// finder finds applications by ports and bytes.
type finder struct {
	ports       [1 << 16]Type // TypeNone for most
	first, last []Type        // looked for on other ports, before and after the ports decide
}

var inDatagrams, inStreams = newFinders()

func newFinders() (datagram, stream *finder) {
	datagram, stream = new(finder), new(finder)
	for i := range applications {
		a, t := &applications[i], firstApplication+Type(i)
		for _, p := range a.udp {
			datagram.ports[p] = t
		}
		for _, p := range a.tcp {
			stream.ports[p] = t
		}
		switch a.elsewhere {
		case datagramsFirst:
			datagram.first = append(datagram.first, t)
		case datagrams:
			datagram.last = append(datagram.last, t)
		case streamsFirst:
			stream.first = append(stream.first, t)
		case streams:
			stream.last = append(stream.last, t)
		}
	}
	return datagram, stream
}

// find returns what b between the ports is, TypePayload where nothing tells.
func (f *finder) find(src, dst uint16, b []byte) Type {
	s, d := f.ports[src], f.ports[dst]
	for _, t := range f.first {
		if t.application().is(b, t == s || t == d) {
			return t
		}
	}
	for _, t := range [...]Type{d, s} {
		if t == TypeNone {
			continue
		}
		if is := t.application().is; is == nil || is(b, true) {
			return t
		}
	}
	for _, t := range f.last {
		if t.application().is(b, false) {
			return t
		}
	}
	return TypePayload
}

// stunCookie is the magic cookie of RFC 8489.
const stunCookie = 0x2112a442

func isSTUN(b []byte, port bool) bool {
	return len(b) >= 20 && b[0]&0xc0 == 0 && be32(b[4:]) == stunCookie
}

// isQUIC tells a long header of a version that is known or, on its port, could be.
func isQUIC(b []byte, port bool) bool {
	if !longHeader(b) {
		return false
	}
	version := be32(b[1:])
	return knownQUIC(version) || port && offeredQUIC(version)
}

// longHeader tells a long header (RFC 8999): the first bit, and connection ids that are inside the datagram.
func longHeader(b []byte) bool {
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

// offeredQUIC tells a version that is none but belongs to QUIC: that of a version negotiation, those that are reserved
// to force one (RFC 9000 section 15), and Google's, such as Q050.
func offeredQUIC(version uint32) bool {
	return version == 0 || version&0x0f0f0f0f == 0x0a0a0a0a || (version>>16 == 'Q'<<8|'0' || version>>16 == 'T'<<8|'0')
}

// isTLS tells a TLS record (RFC 8446 section 5.1). Away from the ports of TLS only hellos are taken for it.
func isTLS(b []byte, port bool) bool {
	if len(b) < 6 || b[0] < 20 || b[0] > 24 || b[1] != 3 || b[2] > 4 || be16(b[3:]) > 1<<14+2048 {
		return false
	}
	return port || b[0] == 22 && (b[5] == 1 || b[5] == 2)
}

var httpMethods = [...]string{"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ",
	"PROPFIND ", "PROPPATCH ", "MKCOL ", "COPY ", "MOVE ", "LOCK ", "UNLOCK ", "REPORT ", "SEARCH ", "SUBSCRIBE ", "NOTIFY ", "QUERY "}

// isHTTP tells the first line of an HTTP/1 request or response.
func isHTTP(b []byte, port bool) bool {
	if b[0] < 'C' || b[0] > 'U' {
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

// isBGP tells a message by its marker and type; on its port a segment may start inside of a message.
func isBGP(b []byte, port bool) bool {
	if port {
		return true
	}
	return len(b) >= 19 && b[18] >= 1 && b[18] <= 5 && be16(b[16:]) >= 19 && bytes.HasPrefix(b, bgpMarker)
}

var bgpMarker = bytes.Repeat([]byte{0xff}, 16)

// isRADIUS tells a code that there is, and a length that the datagram holds.
func isRADIUS(b []byte, port bool) bool {
	if len(b) < 20 || int(be16(b[2:])) < 20 {
		return false
	}
	return b[0] >= 1 && b[0] <= 6 || b[0] >= 11 && b[0] <= 13 || b[0] >= 40 && b[0] <= 45
}
