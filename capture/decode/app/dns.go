package app

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"sockwire/capture/decode"
)

var (
	_ = show(decode.TypeDNS, dnsLine, func(w *decode.FieldWriter, stream bool) { dnsFields(w, stream, false) })
	_ = show(decode.TypeLLMNR, dnsLine, func(w *decode.FieldWriter, stream bool) { dnsFields(w, stream, false) })
	_ = show(decode.TypeMDNS, mdnsLine, func(w *decode.FieldWriter, stream bool) { dnsFields(w, stream, true) })
)

var (
	fDNSMessage = decode.Define("dns.message", "Further message", decode.KindGroup).As("messages").Several()
	fDNSLength  = decode.Define("dns.length", "Length", decode.KindUint)
	fDNSID      = decode.Define("dns.id", "Transaction ID", decode.KindHex).At(0, 2)
	fDNSQR      = decode.Define("dns.flags.response", "QR", decode.KindBool).As("response").Bits(16, 1)
	fDNSOpcode  = decode.Define("dns.flags.opcode", "Opcode", decode.KindUint).As("opcode").Bits(17, 4).Means(opcodeName)
	fDNSAA      = decode.Define("dns.flags.authoritative", "AA", decode.KindBool).As("aa").Bits(21, 1)
	fDNSTC      = decode.Define("dns.flags.truncated", "TC", decode.KindBool).As("tc").Bits(22, 1)
	fDNSRD      = decode.Define("dns.flags.recdesired", "RD", decode.KindBool).As("rd").Bits(23, 1)
	fDNSRA      = decode.Define("dns.flags.recavail", "RA", decode.KindBool).As("ra").Bits(24, 1)
	fDNSAD      = decode.Define("dns.flags.authenticated", "AD", decode.KindBool).As("ad").Bits(26, 1)
	fDNSCD      = decode.Define("dns.flags.checkdisable", "CD", decode.KindBool).As("cd").Bits(27, 1)
	fDNSRcode   = decode.Define("dns.flags.rcode", "RCODE", decode.KindUint).As("rcode").Bits(28, 4).Means(rcodeName)
	fDNSQD      = decode.Define("dns.count.queries", "QDCOUNT", decode.KindUint).As("qdcount")
	fDNSAN      = decode.Define("dns.count.answers", "ANCOUNT", decode.KindUint).As("ancount")
	fDNSNS      = decode.Define("dns.count.auth_rr", "NSCOUNT", decode.KindUint).As("nscount")
	fDNSAR      = decode.Define("dns.count.add_rr", "ARCOUNT", decode.KindUint).As("arcount")
	fDNSQuery   = decode.Define("dns.queries", "Question", decode.KindGroup).As("questions").Several()
	fDNSQName   = decode.Define("dns.qry.name", "QNAME", decode.KindText).As("name")
	fDNSQType   = decode.Define("dns.qry.type", "QTYPE", decode.KindUint).As("type")
	fDNSQClass  = decode.Define("dns.qry.class", "QCLASS", decode.KindUint).As("class")
	fDNSQU      = decode.Define("dns.qry.qu", "Unicast response", decode.KindBool).As("qu")
	fDNSAnswer  = decode.Define("dns.answers", "Answer", decode.KindGroup).Several()
	fDNSAuth    = decode.Define("dns.authorities", "Authority", decode.KindGroup).Several()
	fDNSExtra   = decode.Define("dns.additionals", "Additional", decode.KindGroup).Several()
	fDNSName    = decode.Define("dns.resp.name", "NAME", decode.KindText).As("name")
	fDNSType    = decode.Define("dns.resp.type", "TYPE", decode.KindUint).As("type")
	fDNSClass   = decode.Define("dns.resp.class", "CLASS", decode.KindUint).As("class")
	fDNSFlush   = decode.Define("dns.resp.cache_flush", "Cache flush", decode.KindBool).As("cache_flush")
	fDNSTTL     = decode.Define("dns.resp.ttl", "TTL", decode.KindUint).As("ttl").At(4, 4)
	fDNSRDLen   = decode.Define("dns.resp.len", "RDLENGTH", decode.KindUint).As("rdlength").At(8, 2)
	fDNSA       = decode.Define("dns.a", "Address", decode.KindIP).As("address")
	fDNSAAAA    = decode.Define("dns.aaaa", "Address", decode.KindIP).As("address")
	fDNSCNAME   = decode.Define("dns.cname", "CNAME", decode.KindText).As("target")
	fDNSNSName  = decode.Define("dns.ns", "NS", decode.KindText).As("target")
	fDNSPTR     = decode.Define("dns.ptr.domain_name", "PTR", decode.KindText).As("target")
	fDNSMXPref  = decode.Define("dns.mx.preference", "Preference", decode.KindUint).As("preference")
	fDNSMX      = decode.Define("dns.mx.mail_exchange", "Exchange", decode.KindText).As("target")
	fDNSSRVPrio = decode.Define("dns.srv.priority", "Priority", decode.KindUint).As("priority").At(0, 2)
	fDNSSRVWt   = decode.Define("dns.srv.weight", "Weight", decode.KindUint).As("weight").At(2, 2)
	fDNSSRVPort = decode.Define("dns.srv.port", "Port", decode.KindUint).As("port").At(4, 2)
	fDNSSRV     = decode.Define("dns.srv.target", "Target", decode.KindText).As("target")
	fDNSTXT     = decode.Define("dns.txt", "Text", decode.KindText).As("texts").Several()
	fDNSSOAM    = decode.Define("dns.soa.mname", "MNAME", decode.KindText).As("mname")
	fDNSSOAR    = decode.Define("dns.soa.rname", "RNAME", decode.KindText).As("rname")
	fDNSSerial  = decode.Define("dns.soa.serial_number", "Serial", decode.KindUint).As("serial")
	fDNSUDPSize = decode.Define("dns.rr.udp_payload_size", "UDP payload size", decode.KindUint).As("udp_size").At(2, 2)
	fDNSExtCode = decode.Define("dns.resp.ext_rcode", "Extended RCODE", decode.KindUint).As("ext_rcode").At(4, 1)
	fDNSVersion = decode.Define("dns.resp.edns0_version", "EDNS version", decode.KindUint).As("version").At(5, 1)
	fDNSDO      = decode.Define("dns.resp.z.do", "DO", decode.KindBool).As("do").Bits(48, 1)
	fDNSOption  = decode.Define("dns.opt.code", "Option code", decode.KindUint).As("options").Several()
	fDNSData    = decode.Define("dns.rdata_text", "RDATA", decode.KindText).As("data")
	fDNSBytes   = decode.Define("dns.rdata", "RDATA", decode.KindBytes).As("rdata")
)

const (
	maxRecords = 128  // records shown of one message
	maxRDATA   = 4096 // bytes of one record that the library gets
)

// record is a resource record with its place in the message.
type record struct {
	name        string
	start, end  int // the whole record
	fixed       int // type, class, TTL and length
	data        int // RDATA
	kind, class uint16
}

// nextRecord reads the record at off.
func nextRecord(msg []byte, off int) (record, bool) {
	r := record{start: off}
	var err error
	if r.name, r.fixed, err = dns.UnpackDomainName(msg, off); err != nil || r.fixed+10 > len(msg) {
		return r, false
	}
	r.kind, r.class = binary.BigEndian.Uint16(msg[r.fixed:]), binary.BigEndian.Uint16(msg[r.fixed+2:])
	r.data = r.fixed + 10
	r.end = r.data + int(binary.BigEndian.Uint16(msg[r.fixed+8:]))
	return r, r.end <= len(msg)
}

// DNSMessages is how many messages of a segment are shown as its fields; a line shows fewer.
const DNSMessages = 16

// nextMessage returns the message in a segment whose length field is at off, and where the next one's is (RFC 1035,
// section 4.2.2). A message may be cut.
func nextMessage(data []byte, off int) (msg []byte, next int) {
	if off+2 > len(data) {
		return nil, len(data)
	}
	next = min(len(data), off+2+int(binary.BigEndian.Uint16(data[off:])))
	return data[off+2 : next], next
}

func dnsFields(w *decode.FieldWriter, tcp, multicast bool) {
	data := w.Data()
	if !tcp {
		messageFields(w, data, 0, multicast)
		return
	}
	for off, n := 0, 0; off < len(data) && n < DNSMessages; n++ {
		msg, next := nextMessage(data, off)
		if n > 0 {
			w.Group(fDNSMessage, off, next-off)
		}
		w.Uint(fDNSLength, off, 2)
		messageFields(w, msg, off+2, multicast)
		if n > 0 {
			w.End()
		}
		off = next
	}
}

// messageFields adds the fields of the message msg, which starts at a place of the layer.
func messageFields(w *decode.FieldWriter, msg []byte, at int, multicast bool) {
	if len(msg) < 12 {
		return
	}
	w.Add(at, fDNSID, fDNSQR, fDNSOpcode, fDNSAA, fDNSTC, fDNSRD, fDNSRA, fDNSAD, fDNSCD, fDNSRcode)
	questions := int(w.Uint(fDNSQD, at+4, 2))
	var counts [3]int
	for i, d := range [...]*decode.Definition{fDNSAN, fDNSNS, fDNSAR} {
		counts[i] = int(w.Uint(d, at+6+2*i, 2))
	}
	off := 12
	shown := 0
	for ; questions > 0 && shown < maxRecords; questions-- {
		name, next, err := dns.UnpackDomainName(msg, off)
		if err != nil || next+4 > len(msg) {
			return
		}
		w.Group(fDNSQuery, at+off, next+4-off)
		w.Text(fDNSQName, at+off, next-off, nameText(name))
		w.Enum(fDNSQType, at+next, 2, typeName)
		classField(w, fDNSQU, fDNSQClass, at+next+2, multicast)
		w.End()
		off = next + 4
		shown++
	}
	for i, d := range [...]*decode.Definition{fDNSAnswer, fDNSAuth, fDNSExtra} {
		for ; counts[i] > 0 && shown < maxRecords; counts[i]-- {
			r, ok := nextRecord(msg, off)
			if !ok {
				return
			}
			w.Group(d, at+r.start, r.end-r.start)
			recordFields(w, msg, at, r, multicast)
			w.End()
			off = r.end
			shown++
		}
	}
}

// classField adds a class, whose first bit multicast DNS has another use for (RFC 6762).
func classField(w *decode.FieldWriter, flag, class *decode.Definition, off int, multicast bool) {
	if !multicast {
		w.Uint(class, off, 2)
		return
	}
	w.Bit(flag, off*8)
	w.Bits(class, off*8+1, 15, nil)
}

func recordFields(w *decode.FieldWriter, msg []byte, at int, r record, multicast bool) {
	w.Text(fDNSName, at+r.start, r.fixed-r.start, nameText(r.name))
	w.Enum(fDNSType, at+r.fixed, 2, typeName)
	if r.kind == dns.TypeOPT {
		optFields(w, msg, at, r)
		return
	}
	classField(w, fDNSFlush, fDNSClass, at+r.fixed+2, multicast)
	w.Add(at+r.fixed, fDNSTTL, fDNSRDLen)
	off, n := at+r.data, r.end-r.data
	switch {
	case r.kind == dns.TypeA && n == 4:
		w.Bytes(fDNSA, off, 4)
	case r.kind == dns.TypeAAAA && n == 16:
		w.Bytes(fDNSAAAA, off, 16)
	case r.kind == dns.TypeCNAME:
		nameField(w, fDNSCNAME, msg, at, r.data)
	case r.kind == dns.TypeNS:
		nameField(w, fDNSNSName, msg, at, r.data)
	case r.kind == dns.TypePTR:
		nameField(w, fDNSPTR, msg, at, r.data)
	case r.kind == dns.TypeMX && n > 2:
		w.Uint(fDNSMXPref, off, 2)
		nameField(w, fDNSMX, msg, at, r.data+2)
	case r.kind == dns.TypeSRV && n > 6:
		w.Add(off, fDNSSRVPrio, fDNSSRVWt, fDNSSRVPort)
		nameField(w, fDNSSRV, msg, at, r.data+6)
	case r.kind == dns.TypeSOA:
		next := nameField(w, fDNSSOAM, msg, at, r.data)
		if next = nameField(w, fDNSSOAR, msg, at, next); next+20 <= r.end {
			w.Uint(fDNSSerial, at+next, 4)
		}
	case r.kind == dns.TypeTXT:
		for o := r.data; o < r.end && o+1+int(msg[o]) <= r.end; o += 1 + int(msg[o]) {
			w.Bytes(fDNSTXT, at+o+1, int(msg[o]))
		}
	case n > 0:
		if text := rdataText(msg, r); text != "" {
			w.Text(fDNSData, off, n, []byte(text))
		} else {
			w.Bytes(fDNSBytes, off, n)
		}
	}
}

// nameField adds the domain name at off of the message and returns where it ends.
func nameField(w *decode.FieldWriter, d *decode.Definition, msg []byte, at, off int) int {
	name, next, err := dns.UnpackDomainName(msg, off)
	if err != nil {
		return len(msg)
	}
	w.Text(d, at+off, next-off, nameText(name))
	return next
}

// optFields describes the pseudo record of EDNS (RFC 6891).
func optFields(w *decode.FieldWriter, msg []byte, at int, r record) {
	w.Add(at+r.fixed, fDNSUDPSize, fDNSExtCode, fDNSVersion, fDNSDO, fDNSRDLen)
	for off, n := r.data, 0; off+4 <= r.end && n < 32; n++ {
		w.Uint(fDNSOption, at+off, 2)
		off += 4 + int(binary.BigEndian.Uint16(msg[off+2:]))
	}
}

// rdataText has the library write the data of a record, "" when it cannot.
func rdataText(msg []byte, r record) string {
	if r.end-r.data > maxRDATA {
		return ""
	}
	h := dns.RR_Header{Name: ".", Rrtype: r.kind, Class: r.class, Rdlength: uint16(r.end - r.data)}
	rr, _, err := dns.UnpackRRWithHeader(h, msg[:r.end], r.data)
	if err != nil || rr == nil {
		return ""
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// nameText gives a name without the last dot, as display filters have it.
func nameText(name string) []byte {
	if len(name) > 1 {
		name = strings.TrimSuffix(name, ".")
	}
	return []byte(name)
}

func typeName(n uint64) string { return dns.TypeToString[uint16(n)] }

func rcodeName(n uint64) string { return dns.RcodeToString[int(n)] }

func opcodeName(n uint64) string { return dns.OpcodeToString[int(n)] }

// appendType adds the name of a type, or TYPE and its number (RFC 3597).
func appendType(b []byte, t uint16) []byte {
	return decode.AppendName(b, dns.TypeToString[t], "TYPE", uint64(t))
}

// maxAnswers is how many answers a line shows.
const maxAnswers = 6

// maxShown is how many messages a line shows.
const maxShown = 4

// dnsLine writes the messages of a datagram or segment.
func dnsLine(b, data []byte, tcp bool) ([]byte, bool) {
	if !tcp {
		return messageLine(b, data, false)
	}
	for off, n := 0, 0; off < len(data); n++ {
		msg, next := nextMessage(data, off)
		if n == maxShown {
			return append(b, "; ..."...), true
		}
		if len(msg) < 12 {
			return b, n > 0
		}
		if n > 0 {
			b = append(b, "; "...)
		}
		b, _ = messageLine(b, msg, false)
		off = next
	}
	return b, true
}

// mdnsLine writes a message as its users read it: whether a question wants its answer by unicast (QU) or multicast (QM),
// and which records replace those that are known (RFC 6762 sections 5.4 and 10.2).
func mdnsLine(b, data []byte, _ bool) ([]byte, bool) { return messageLine(b, data, true) }

// messageLine writes a message as tcpdump does: 12345+ A? example.com. or 12345 1/0/0 A 192.0.2.1.
func messageLine(b, msg []byte, multicast bool) ([]byte, bool) {
	if len(msg) < 12 {
		return b, false
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	response := flags&0x8000 != 0
	b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(msg)), 10)
	b = appendFlags(b, flags)
	off := 12
	questions := int(binary.BigEndian.Uint16(msg[4:]))
	if !response {
		if n := binary.BigEndian.Uint16(msg[10:]); n > 0 {
			b = append(strconv.AppendUint(append(b, " ["...), uint64(n), 10), "au]"...)
		}
	}
	for i := 0; i < questions && i < maxAnswers; i++ {
		name, next, err := dns.UnpackDomainName(msg, off)
		if err != nil || next+4 > len(msg) {
			return append(b, " (cut)"...), true
		}
		if !response {
			b = appendType(append(b, ' '), binary.BigEndian.Uint16(msg[next:]))
			if multicast {
				b = append(b, [...]string{" (QM)", " (QU)"}[msg[next+2]>>7]...)
			}
			b = append(b, "? "...)
			b = decode.AppendEscaped(b, []byte(name))
		}
		off = next + 4
	}
	if !response || questions > maxAnswers {
		return b, true
	}
	for i := range 3 {
		b = append(b, " /"[min(i, 1)])
		b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(msg[6+2*i:])), 10)
	}
	answers := int(binary.BigEndian.Uint16(msg[6:]))
	for i := 0; i < answers; i++ {
		if i == maxAnswers {
			return append(b, ", ..."...), true
		}
		r, ok := nextRecord(msg, off)
		if !ok {
			return append(b, " (cut)"...), true
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, ' ')
		if multicast && msg[r.data-8]&0x80 != 0 {
			b = append(b, "(Cache flush) "...)
		}
		b = appendAnswer(b, msg, r)
		off = r.end
	}
	return b, true
}

// appendFlags adds opcode, rcode and the flags that are not what one expects.
func appendFlags(b []byte, flags uint16) []byte {
	if op := int(flags >> 11 & 15); op != 0 {
		b = append(append(b, ' '), strings.ToLower(dns.OpcodeToString[op])...)
	}
	if flags&0x8000 == 0 {
		if flags&0x100 != 0 {
			b = append(b, '+')
		}
		if flags&0x10 != 0 {
			b = append(b, '%')
		}
		return b
	}
	if rcode := int(flags & 15); rcode != 0 {
		b = append(append(b, ' '), dns.RcodeToString[rcode]...)
	}
	for _, f := range [...]struct {
		bit  uint16
		on   bool
		sign byte
	}{{0x400, true, '*'}, {0x80, false, '-'}, {0x200, true, '|'}, {0x20, true, '$'}} {
		if flags&f.bit != 0 == f.on {
			b = append(b, f.sign)
		}
	}
	return b
}

func appendAnswer(b, msg []byte, r record) []byte {
	b = append(appendType(b, r.kind), ' ')
	data := msg[r.data:r.end]
	switch {
	case r.kind == dns.TypeA && len(data) == 4:
		return netip.AddrFrom4([4]byte(data)).AppendTo(b)
	case r.kind == dns.TypeAAAA && len(data) == 16:
		return netip.AddrFrom16([16]byte(data)).AppendTo(b)
	case r.kind == dns.TypeCNAME || r.kind == dns.TypeNS || r.kind == dns.TypePTR:
		if name, _, err := dns.UnpackDomainName(msg, r.data); err == nil {
			return decode.AppendEscaped(b, []byte(name))
		}
	}
	text := rdataText(msg, r)
	if len(text) > maxText {
		text = text[:maxText] + "..."
	}
	return decode.AppendEscaped(b, []byte(text))
}
