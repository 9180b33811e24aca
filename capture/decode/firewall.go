package decode

// What firewalls and hosts write before a packet of theirs.

// Attributes of a netfilter log packet that are read here, linux/netfilter/nfnetlink_log.h.
const (
	nflogPacket   = 1 // protocol and hook
	nflogTime     = 3
	nflogIn       = 4
	nflogOut      = 5
	nflogPhysIn   = 6
	nflogPhysOut  = 7
	nflogPayload  = 9
	nflogPrefix   = 10
	nflogUID      = 11
	nflogGID      = 14
	nflogFixed    = 4
	nflogTLVFixed = 4
)

// nflog decodes the attributes up to the payload, which a packet has once. Their lengths and types are in the byte order
// of the capturing host, which is little-endian where the first length makes sense so.
func (c *cursor) nflog(t Type, h []byte) Type {
	family := h[0]
	n := nflogFixed
	for {
		have := min(len(c.data), c.end) - c.off
		if have-n < nflogTLVFixed {
			c.add(t, min(n, have))
			return TypePayload
		}
		a := c.data[c.off+n:]
		length, typ := nflogAttribute(a)
		if length < nflogTLVFixed {
			return c.malformed(t, "an attribute is shorter than its header")
		}
		if typ == nflogPayload {
			l := c.add(t, n+nflogTLVFixed)
			c.limit(l, n+length)
			switch family {
			case 2:
				return TypeIPv4
			case 10:
				return TypeIPv6
			}
			return TypePayload
		}
		n += (length + 3) &^ 3
	}
}

// nflogAttribute reads the length and the type of an attribute.
func nflogAttribute(a []byte) (length, typ int) {
	length, typ = int(leUint16(a)), int(leUint16(a[2:]))
	if typ > 0xff {
		length, typ = int(be16(a)), int(be16(a[2:]))
	}
	return length, typ & 0x7fff
}

var (
	fNFLOGFamily   = Define("nflog.family", "Family", KindUint).At(0, 1).Means(Names{2: "IPv4", 7: "bridge", 10: "IPv6"}.Of)
	fNFLOGVersion  = Define("nflog.version", "Version", KindUint).At(1, 1)
	fNFLOGResource = Define("nflog.res_id", "Resource id", KindUint).At(2, 2)
	fNFLOGProtocol = Define("nflog.protocol", "Protocol", KindHex).At(4, 2).Means(etherTypeName)
	fNFLOGHook     = Define("nflog.hook", "Hook", KindUint).At(6, 1).Means(nflogHook)
	fNFLOGIn       = Define("nflog.ifindex_indev", "Device in", KindUint).At(4, 4)
	fNFLOGOut      = Define("nflog.ifindex_outdev", "Device out", KindUint).At(4, 4)
	fNFLOGPhysIn   = Define("nflog.ifindex_physindev", "Physical device in", KindUint).At(4, 4)
	fNFLOGPhysOut  = Define("nflog.ifindex_physoutdev", "Physical device out", KindUint).At(4, 4)
	fNFLOGPrefix   = Define("nflog.prefix", "Prefix", KindText)
	fNFLOGUID      = Define("nflog.uid", "User id", KindUint).At(4, 4)
	fNFLOGGID      = Define("nflog.gid", "Group id", KindUint).At(4, 4)
)

var nflogHook = Names{0: "prerouting", 1: "input", 2: "forward", 3: "output", 4: "postrouting"}.Of

// nflogField is what an attribute says, or the first of it.
var nflogField = map[int]*Definition{
	nflogPacket: fNFLOGProtocol, nflogIn: fNFLOGIn, nflogOut: fNFLOGOut, nflogPhysIn: fNFLOGPhysIn,
	nflogPhysOut: fNFLOGPhysOut, nflogPrefix: fNFLOGPrefix, nflogUID: fNFLOGUID, nflogGID: fNFLOGGID,
}

func nflogFields(w *FieldWriter) {
	w.Add(0, fNFLOGFamily, fNFLOGVersion, fNFLOGResource)
	h := w.data
	for off := nflogFixed; off+nflogTLVFixed <= len(h); {
		length, typ := nflogAttribute(h[off:])
		if length < nflogTLVFixed {
			return
		}
		switch d := nflogField[typ]; {
		case d == nil || off+length > len(h) || w.Has(d):
		case typ == nflogPacket:
			w.Add(off, fNFLOGProtocol, fNFLOGHook)
		case typ == nflogPrefix:
			w.cString(d, off+nflogTLVFixed, length-nflogTLVFixed)
		default:
			w.Add(off, d)
		}
		off += (length + 3) &^ 3
	}
}

// cString adds a text of at most n bytes that a zero byte ends, if there is one.
func (w *FieldWriter) cString(d *Definition, off, n int) {
	if off < 0 || n < 0 || off+n > len(w.data) {
		return
	}
	text := w.data[off : off+n : off+n]
	for i, x := range text {
		if x == 0 {
			text = text[:i]
			break
		}
	}
	if len(text) > 0 {
		w.next(d, off*8, n*8).Bytes = text
	}
}

// pktapLen is the length of the header that this reads; a longer one has more behind it.
const pktapLen = 108

// pktap decodes Apple's header, which says which process a packet is of, and of which link type it is.
func (c *cursor) pktap(t Type, h []byte) (link uint32, ok bool) {
	n := leUint32(h)
	if n < pktapLen || n > 1<<16 {
		c.malformed(t, "the header length is not from 108 to 65536")
		return 0, false
	}
	if c.need(t, int(n)) == nil {
		return 0, false
	}
	c.add(t, int(n))
	return leUint32(h[8:]), true
}

var (
	fPKTAPLength  = Define("pktap.hdrlen", "Header length", KindUint).At(0, 4).Little()
	fPKTAPRecord  = Define("pktap.rectype", "Record type", KindUint).At(4, 4).Little()
	fPKTAPLink    = Define("pktap.dlt", "Link type", KindUint).At(8, 4).Little()
	fPKTAPName    = Define("pktap.ifname", "Interface name", KindText)
	fPKTAPFlags   = Define("pktap.flags", "Flags", KindHex).At(36, 4).Little()
	fPKTAPFamily  = Define("pktap.pfamily", "Protocol family", KindUint).At(40, 4).Little()
	fPKTAPHeader  = Define("pktap.llhdrlen", "Link header length", KindUint).At(44, 4).Little()
	fPKTAPTrailer = Define("pktap.lltrlrlen", "Link trailer length", KindUint).At(48, 4).Little()
	fPKTAPPID     = Define("pktap.pid", "Process ID", KindUint).At(52, 4).Little()
	fPKTAPCommand = Define("pktap.cmdname", "Command", KindText)
	fPKTAPService = Define("pktap.svc_class", "Service class", KindUint).At(76, 4).Little()
	fPKTAPType    = Define("pktap.iftype", "Interface type", KindUint).At(80, 2).Little()
	fPKTAPUnit    = Define("pktap.ifunit", "Interface unit", KindUint).At(82, 2).Little()
	fPKTAPEPID    = Define("pktap.epid", "Effective process ID", KindUint).At(84, 4).Little()
	fPKTAPECmd    = Define("pktap.ecmdname", "Effective command", KindText)
)

func pktapFields(w *FieldWriter) {
	w.Add(0, fPKTAPLength, fPKTAPRecord, fPKTAPLink)
	w.cString(fPKTAPName, 12, 24)
	w.Add(0, fPKTAPFlags, fPKTAPFamily, fPKTAPHeader, fPKTAPTrailer, fPKTAPPID)
	w.cString(fPKTAPCommand, 56, 20)
	w.Add(0, fPKTAPService, fPKTAPType, fPKTAPUnit, fPKTAPEPID)
	w.cString(fPKTAPECmd, 88, 20)
}

// pflog decodes the header of OpenBSD's packet filter, which is as long as its first byte says, up to the next multiple
// of 4.
func (c *cursor) pflog(t Type, h []byte) Type {
	n := (int(h[0]) + 3) &^ 3
	if n < len(h) {
		return c.malformed(t, "the header length is less than 48")
	}
	if c.need(t, n) == nil {
		return TypeNone
	}
	c.add(t, n)
	return family(uint32(h[1]))
}

var (
	fPFLogLength  = Define("pflog.length", "Header length", KindUint).At(0, 1)
	fPFLogFamily  = Define("pflog.af", "Address family", KindUint).At(1, 1).Means(pfFamily)
	fPFLogAction  = Define("pflog.action", "Action", KindUint).At(2, 1).Means(pfAction)
	fPFLogReason  = Define("pflog.reason", "Reason", KindUint).At(3, 1).Means(pfReason)
	fPFLogName    = Define("pflog.ifname", "Interface", KindText)
	fPFLogRuleset = Define("pflog.ruleset", "Ruleset", KindText)
	fPFLogRule    = Define("pflog.rulenr", "Rule", KindUint).At(36, 4)
	fPFLogSubrule = Define("pflog.subrulenr", "Rule of the anchor", KindUint).At(40, 4)
	fPFLogUID     = Define("pflog.uid", "User id", KindUint).At(44, 4)
	fPFLogPID     = Define("pflog.pid", "Process id", KindUint).At(48, 4)
	fPFLogRuleUID = Define("pflog.rule_uid", "User id of the rule", KindUint).At(52, 4)
	fPFLogRulePID = Define("pflog.rule_pid", "Process id of the rule", KindUint).At(56, 4)
	fPFLogDir     = Define("pflog.dir", "Direction", KindUint).At(60, 1).Means(Names{0: "in or out", 1: "in", 2: "out"}.Of)
)

func pflogFields(w *FieldWriter) {
	w.Add(0, fPFLogLength, fPFLogFamily, fPFLogAction, fPFLogReason)
	w.cString(fPFLogName, 4, 16)
	w.cString(fPFLogRuleset, 20, 16)
	w.Add(0, fPFLogRule, fPFLogSubrule, fPFLogUID, fPFLogPID, fPFLogRuleUID, fPFLogRulePID, fPFLogDir)
}

func pfFamily(n uint64) string {
	if t := family(uint32(n)); t != TypePayload {
		return t.Title()
	}
	return ""
}

var (
	pfAction = Names{
		0: "pass", 1: "drop", 2: "scrub", 3: "noscrub", 4: "nat", 5: "nonat", 6: "binat", 7: "nobinat", 8: "rdr", 9: "nordr",
		10: "synproxy-drop", 11: "defer", 12: "match", 13: "divert", 14: "rt", 15: "afrt",
	}.Of
	pfReason = Names{
		0: "match", 1: "bad-offset", 2: "fragment", 3: "short", 4: "normalize", 5: "memory", 6: "bad-timestamp", 7: "congestion",
		8: "ip-option", 9: "proto-cksum", 10: "state-mismatch", 11: "state-insert", 12: "state-limit", 13: "src-limit",
		14: "synproxy", 15: "translate", 16: "no-route",
	}.Of
)

// enc decodes the header of OpenBSD's IPsec device.
func (c *cursor) enc(t Type, h []byte) Type {
	c.add(t, len(h))
	return family(loopbackFamily(h))
}

var (
	fENCFamily = Define("enc.af", "Address family", KindUint)
	fENCSPI    = Define("enc.spi", "SPI", KindHex).At(4, 4)
	fENCFlags  = Define("enc.flags", "Flags", KindHex).At(8, 4)
)

func encFields(w *FieldWriter) {
	if len(w.data) < 12 {
		return
	}
	w.Value(fENCFamily, 0, 4, uint64(loopbackFamily(w.data)))
	w.Add(0, fENCSPI, fENCFlags)
}

// ipnet decodes the header of Solaris' IP observability device.
func (c *cursor) ipnet(t Type, h []byte) Type {
	c.add(t, len(h))
	switch h[1] {
	case 2:
		return TypeIPv4
	case 26:
		return TypeIPv6
	}
	return TypePayload
}

var (
	fIPNetVersion = Define("ipnet.version", "Version", KindUint).At(0, 1)
	fIPNetFamily  = Define("ipnet.family", "Family", KindUint).At(1, 1).Means(Names{2: "IPv4", 26: "IPv6"}.Of)
	fIPNetHook    = Define("ipnet.htype", "Hook type", KindUint).At(2, 2)
	fIPNetLength  = Define("ipnet.pktlen", "Packet length", KindUint).At(4, 4)
	fIPNetIndex   = Define("ipnet.ifindex", "Interface index", KindUint).At(8, 4)
	fIPNetGroup   = Define("ipnet.grifindex", "Group interface index", KindUint).At(12, 4)
	fIPNetSrc     = Define("ipnet.zsrc", "Source zone", KindUint).At(16, 4)
	fIPNetDst     = Define("ipnet.zdst", "Destination zone", KindUint).At(20, 4)
)
