package decode

// IGMP is the view of an IGMP message (RFC 1112, RFC 2236, RFC 3376).
type IGMP []byte

func (h IGMP) Type() uint8        { return h[0] }
func (h IGMP) MaxResponse() uint8 { return h[1] }
func (h IGMP) Checksum() uint16   { return be16(h[2:]) }

// Group returns the group address, nil when the message is too short. Reports of version 3 have records instead.
func (h IGMP) Group() []byte {
	if len(h) < 8 {
		return nil
	}
	return h[4:8:8]
}

// IGMP returns the view of layer i, nil when it is another layer.
func (p *Packet) IGMP(i int) IGMP { return p.view(i, TypeIGMP) }

func (c *cursor) igmp(t Type, h []byte) Type {
	if c.end > len(c.data) {
		c.need(TypeIGMP, c.end-c.off)
	}
	l := c.add(TypeIGMP, min(len(c.data), c.end)-c.off)
	c.verify(l, be16(h[2:]), c.end, 0, false)
	return TypeNone
}

// IGMP types.
const (
	igmpQuery    = 0x11
	igmpReport1  = 0x12
	igmpReport2  = 0x16
	igmpLeave    = 0x17
	igmpReport3  = 0x22
	igmpDVMRP    = 0x13
	igmpPIMv1    = 0x14
	igmpTraceOld = 0x1e
	igmpTrace    = 0x1f
)

var (
	fIGMPType     = Define("igmp.type", "Type", KindHex)
	fIGMPMax      = Define("igmp.max_resp", "Max Resp Code", KindUint).As("max_response")
	fIGMPChecksum = Define("igmp.checksum", "Checksum", KindHex).At(2, 2)
	fIGMPStatus   = Define("igmp.checksum.status", "Checksum status", KindState).At(2, 2)
	fIGMPGroup    = Define("igmp.maddr", "Group Address", KindIP).As("group").At(4, 4)
	fIGMPS        = Define("igmp.s", "Suppress router-side processing", KindBool).As("suppress").Bits(68, 1)
	fIGMPQRV      = Define("igmp.qrv", "QRV", KindUint).Bits(69, 3)
	fIGMPQQIC     = Define("igmp.qqic", "QQIC", KindUint).At(9, 1)
	fIGMPCount    = Define("igmp.num_src", "Number of Sources", KindUint).As("source_count").At(2, 2)
	fIGMPSource   = Define("igmp.saddr", "Source Address", KindIP).As("sources").Several()
	fIGMPRecords  = Define("igmp.num_grp_recs", "Number of Group Records", KindUint).As("record_count")
	fIGMPRecord   = Define("igmp.record", "Group Record", KindGroup).As("records").Several()
	fIGMPRecType  = Define("igmp.record_type", "Record Type", KindUint).As("type").At(0, 1).Means(recordType)
	fIGMPRecAux   = Define("igmp.aux_data_len", "Aux Data Len", KindUint).As("aux_length").At(1, 1)
)

func igmpFields(w *FieldWriter) {
	t := w.Enum(fIGMPType, 0, 1, igmpName)
	h := IGMP(w.data)
	query3 := t == igmpQuery && len(h) >= 12
	if t == igmpReport2 || t == igmpLeave || t == igmpQuery && (h[1] != 0 || query3) {
		w.Uint(fIGMPMax, 1, 1)
	}
	w.Add(0, fIGMPChecksum, fIGMPStatus)
	switch {
	case query3:
		w.Add(0, fIGMPGroup, fIGMPS, fIGMPQRV, fIGMPQQIC)
		n := int(w.Uint(fIGMPCount, 10, 2))
		w.Each(fIGMPSource, 12, 12+4*n, 4)
	case t == igmpReport3:
		n := w.Uint(fIGMPRecords, 6, 2)
		groupRecords(w, n, 4, fIGMPRecord, fIGMPSource, fIGMPRecType, fIGMPRecAux, fIGMPCount, fIGMPGroup)
	case t == igmpQuery || t == igmpReport1 || t == igmpReport2 || t == igmpLeave || t == igmpTrace || t == igmpTraceOld:
		w.Add(0, fIGMPGroup)
	}
}

var igmpName = Names{
	igmpQuery: "query", igmpReport1: "v1 report", igmpReport2: "v2 report", igmpLeave: "leave",
	igmpReport3: "v3 report", igmpDVMRP: "DVMRP", igmpPIMv1: "PIMv1", igmpTrace: "mtrace",
	igmpTraceOld: "mtrace response",
}.Of

func (*Printer) appendIGMP(b []byte, p *Packet, i int) []byte {
	h := p.IGMP(i)
	b = append(b, "igmp "...)
	switch t := h.Type(); t {
	case igmpQuery:
		switch {
		case len(h) >= 12:
			b = append(b, "query v3"...)
		case h.MaxResponse() == 0:
			b = append(b, "query v1"...)
		default:
			b = append(b, "query v2"...)
		}
		if g := h.Group(); be32(g) != 0 {
			b = appendIPv4(append(b, " "...), g)
		}
	case igmpReport1, igmpReport2, igmpLeave:
		b = append(append(b, igmpName(uint64(t))...), ' ')
		b = appendIPv4(b, h.Group())
	case igmpReport3:
		b = appendUint(append(b, "v3 report, "...), uint64(be16(h[6:])))
		b = append(b, " group record(s)"...)
	default:
		if s := igmpName(uint64(t)); s != "" {
			b = append(b, s...)
		} else {
			b = appendHexN(append(b, "type "...), uint64(t), 2)
		}
	}
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}
