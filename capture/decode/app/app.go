// Package app renders the layers above the transport for package decode: DNS and mDNS, DHCP, NTP, HTTP/1,
// TLS hellos, QUIC long headers, TFTP, syslog, SNMP, STUN and RTP.
//
// It is a package of its own so that programs that stop at the transport layer do not link
// github.com/miekg/dns, which takes DNS names and the many record types apart. The library is called only when a
// layer is rendered, with bounded input and with its panics caught. The rest is read here: a field has to be
// shown with its place in the frame, and no library tells that. For DHCP, github.com/insomniacslk/dhcp was
// weighed and left out: besides giving no places it parses options in options without a bound and brings an LZ4
// compressor and raw sockets along.
//
// Only what one packet holds is looked at: a ClientHello in two TCP segments shows as far as the first goes.
package app

import (
	"sockwire/capture/decode"
)

// Renderer renders application layers; its zero value is ready, and one can serve several goroutines.
type Renderer struct{}

var _ decode.Applications = Renderer{}

// AppendLine adds what a line says of layer i, without a line end, and reports whether it could. Text from the
// packet is escaped.
func (Renderer) AppendLine(b []byte, p *decode.Packet, i int) (_ []byte, ok bool) {
	n := len(b)
	defer func() {
		if recover() != nil { // a library could not take it
			b, ok = b[:n], false
		}
	}()
	l := p.Layers()[i]
	data := p.Header(i)
	switch l.Type {
	case decode.TypeDNS, decode.TypeMDNS:
		return dnsLine(b, data, overTCP(p, i))
	case decode.TypeDHCPv4:
		return dhcpLine(b, data)
	case decode.TypeDHCPv6:
		return dhcpv6Line(b, data)
	case decode.TypeNTP:
		return ntpLine(b, data)
	case decode.TypeHTTP:
		return httpLine(b, data)
	case decode.TypeTLS:
		return tlsLine(b, data)
	case decode.TypeQUIC:
		return quicLine(b, data)
	case decode.TypeTFTP:
		return tftpLine(b, data)
	case decode.TypeSyslog:
		return syslogLine(b, data)
	case decode.TypeSNMP:
		return snmpLine(b, data)
	case decode.TypeSTUN:
		return stunLine(b, data)
	case decode.TypeRTP:
		return rtpLine(b, data)
	}
	return b, false
}

// AppendFields adds the fields of layer i.
func (Renderer) AppendFields(dst []decode.Field, p *decode.Packet, i int) (fields []decode.Field) {
	l := p.Layers()[i]
	w := decode.NewFieldWriter(dst, p, l.Offset, l.Offset+l.Header)
	defer func() {
		if recover() != nil {
			fields = w.Fields
		}
	}()
	switch l.Type {
	case decode.TypeDNS, decode.TypeMDNS:
		dnsFields(&w, overTCP(p, i), l.Type == decode.TypeMDNS)
	case decode.TypeDHCPv4:
		dhcpFields(&w)
	case decode.TypeDHCPv6:
		dhcpv6Fields(&w)
	case decode.TypeNTP:
		ntpFields(&w)
	case decode.TypeHTTP:
		httpFields(&w)
	case decode.TypeTLS:
		tlsFields(&w)
	case decode.TypeQUIC:
		quicFields(&w)
	case decode.TypeTFTP:
		tftpFields(&w)
	case decode.TypeSyslog:
		syslogFields(&w)
	case decode.TypeSNMP:
		snmpFields(&w)
	case decode.TypeSTUN:
		stunFields(&w)
	case decode.TypeRTP:
		rtpFields(&w)
	}
	return w.Fields
}

// overTCP reports whether layer i lies on TCP.
func overTCP(p *decode.Packet, i int) bool {
	return i > 0 && p.Layers()[i-1].Type == decode.TypeTCP
}

// maxText is how much of a text a line shows, in bytes.
const maxText = 128
