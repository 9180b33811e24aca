package decode

import "sockwire/raw/wire"

// PIM is the view of a PIM header, 4 bytes, or 8 of a register message (RFC 7761).
type PIM []byte

func (h PIM) Version() uint8   { return h[0] >> 4 }
func (h PIM) Type() uint8      { return h[0] & 15 }
func (h PIM) Checksum() uint16 { return be16(h[2:]) }

// PIM returns the view of layer i, nil when it is another layer.
func (p *Packet) PIM(i int) PIM { return p.view(i, TypePIM) }

func (c *cursor) pim(t Type, b []byte) Type {
	h := PIM(b)
	if h.Version() != 2 {
		c.add(TypePIM, 4)
		return TypePayload
	}
	pseudo := c.ip >= 0 && c.p.layers[c.ip].Type == TypeIPv6
	if h.Type() != 1 {
		l := c.add(TypePIM, min(len(c.data), c.end)-c.off)
		c.verify(l, h.Checksum(), c.end, wire.ProtoPIM, pseudo)
		return TypeNone
	}
	if c.need(TypePIM, 8) == nil {
		return TypeNone
	}
	l := c.add(TypePIM, 8)
	c.verify(l, h.Checksum(), l.Offset+8, wire.ProtoPIM, pseudo) // without the packet that it carries
	if l.Checksum == ChecksumBad {
		c.verify(l, h.Checksum(), c.end, wire.ProtoPIM, pseudo) // some senders take it in
	}
	if c.data[l.Offset+4]&0x40 != 0 {
		c.quoted = true // a null-register carries the header of a packet without the packet
	}
	return c.ipVersion(TypePayload)
}

var (
	fPIMVersion  = Define("pim.version", "Version", KindUint)
	fPIMType     = Define("pim.type", "Type", KindUint)
	fPIMChecksum = Define("pim.cksum", "Checksum", KindHex).As("checksum").At(2, 2)
	fPIMStatus   = Define("pim.cksum.status", "Checksum status", KindState).As("checksum_status").At(2, 2)
	fPIMBorder   = Define("pim.register_flag.border", "Border", KindBool).As("border").Bits(32, 1)
	fPIMNull     = Define("pim.register_flag.null_register", "Null-Register", KindBool).As("null_register").Bits(33, 1)

	fPIMOption   = Define("pim.options", "Option", KindGroup).Several()
	fPIMOptType  = Define("pim.optiontype", "OptionType", KindUint).As("type").At(0, 2).Means(pimOption)
	fPIMOptLen   = Define("pim.optionlength", "OptionLength", KindUint).As("length").At(2, 2)
	fPIMHold     = Define("pim.holdtime", "Holdtime, in s", KindUint)
	fPIMDR       = Define("pim.dr_priority", "DR Priority", KindUint)
	fPIMGenID    = Define("pim.generation_id", "Generation ID", KindUint)
	fPIMOptData  = Define("pim.option_data", "OptionValue", KindBytes).As("data")
	fPIMUpstream = Define("pim.upstream_neighbor", "Upstream Neighbor Address", KindIP)
	fPIMUpstr6   = Define("pim.upstream_neighbor_ip6", "Upstream Neighbor Address", KindIP).As("upstream_neighbor")
	fPIMGroups   = Define("pim.numgroups", "Num Groups", KindUint).As("group_count")
	fPIMSet      = Define("pim.group_set", "Group", KindGroup).As("groups").Several()
	fPIMGroup    = Define("pim.group", "Multicast Group Address", KindIP)
	fPIMGroup6   = Define("pim.group_ip6", "Multicast Group Address", KindIP).As("group")
	fPIMMaskLen  = Define("pim.group_mask_len", "Mask Length", KindUint).As("mask_length")
	fPIMJoins    = Define("pim.numjoins", "Number of Joined Sources", KindUint).As("join_count")
	fPIMPrunes   = Define("pim.numprunes", "Number of Pruned Sources", KindUint).As("prune_count")
	fPIMJoin     = Define("pim.join_ip", "Joined Source", KindIP).As("joins").Several()
	fPIMJoin6    = Define("pim.join_ip6", "Joined Source", KindIP).As("joins").Several()
	fPIMPrune    = Define("pim.prune_ip", "Pruned Source", KindIP).As("prunes").Several()
	fPIMPrune6   = Define("pim.prune_ip6", "Pruned Source", KindIP).As("prunes").Several()
	fPIMSource   = Define("pim.source", "Source Address", KindIP)
	fPIMSource6  = Define("pim.source_ip6", "Source Address", KindIP).As("source")
	fPIMRPT      = Define("pim.rpt", "RPT-bit", KindBool)
	fPIMPref     = Define("pim.metric_pref", "Metric Preference", KindUint).As("metric_preference")
	fPIMMetric   = Define("pim.metric", "Metric", KindUint)
	fPIMTag      = Define("pim.fragment_tag", "Fragment Tag", KindHex)
	fPIMHash     = Define("pim.hash_mask_len", "Hash Mask Len", KindUint).As("hash_mask_length")
	fPIMBSRPrio  = Define("pim.bsr_priority", "BSR Priority", KindUint)
	fPIMBSR      = Define("pim.bsr", "BSR Address", KindIP)
	fPIMBSR6     = Define("pim.bsr_ip6", "BSR Address", KindIP).As("bsr")
)

func pimFields(w *FieldWriter) {
	if len(w.data) < 4 {
		return
	}
	w.Bits(fPIMVersion, 0, 4, nil)
	t := w.Bits(fPIMType, 4, 4, pimName)
	w.Add(0, fPIMChecksum, fPIMStatus)
	if w.data[0]>>4 != 2 {
		return
	}
	switch t {
	case 0:
		pimOptions(w.data, func(t uint16, off, n int) {
			w.Group(fPIMOption, off, 4+n)
			w.Add(off, fPIMOptType, fPIMOptLen)
			switch {
			case t == 1 && n == 2:
				w.Uint(fPIMHold, off+4, 2)
			case t == 19 && n == 4:
				w.Uint(fPIMDR, off+4, 4)
			case t == 20 && n == 4:
				w.Uint(fPIMGenID, off+4, 4)
			case n > 0:
				w.Bytes(fPIMOptData, off+4, n)
			}
			w.End()
		})
	case 1:
		w.Add(0, fPIMBorder, fPIMNull)
	case 2:
		if off := pimAddress(w, 4, 4, fPIMGroup, fPIMGroup6); off > 0 {
			pimAddress(w, off, 2, fPIMSource, fPIMSource6)
		}
	case 3, 6, 7:
		pimJoinFields(w)
	case 4:
		w.Uint(fPIMTag, 4, 2)
		w.Uint(fPIMHash, 6, 1)
		w.Uint(fPIMBSRPrio, 7, 1)
		pimAddress(w, 8, 2, fPIMBSR, fPIMBSR6)
	case 5:
		off := pimAddress(w, 4, 4, fPIMGroup, fPIMGroup6)
		if off > 0 {
			off = pimAddress(w, off, 2, fPIMSource, fPIMSource6)
		}
		if off > 0 && off+8 <= len(w.data) {
			w.Bit(fPIMRPT, 8*off)
			w.Bits(fPIMPref, 8*off+1, 31, nil)
			w.Uint(fPIMMetric, off+4, 4)
		}
	}
}

// pimOptions calls f for the options of a Hello.
func pimOptions(data []byte, f func(t uint16, off, n int)) {
	for off := 4; off+4 <= len(data); {
		n := int(be16(data[off+2:]))
		if off+4+n > len(data) {
			return
		}
		f(be16(data[off:]), off, n)
		off += 4 + n
	}
}

// pimEncoded returns where the address lies in an encoded one at off (RFC 7761 section 4.9.1), and what follows; 0
// where it is none. Before the address are 2 bytes in a unicast address, 4 in one of a group or source.
func pimEncoded(data []byte, off, before int) (addr, next int) {
	if off+before > len(data) {
		return 0, 0
	}
	size := 0
	switch data[off] {
	case 1:
		size = 4
	case 2:
		size = 16
	}
	if size == 0 || off+before+size > len(data) {
		return 0, 0
	}
	return off + before, off + before + size
}

// pimAddress adds an encoded address and returns what follows, 0 where it is none.
func pimAddress(w *FieldWriter, off, before int, v4, v6 *Definition) int {
	addr, next := pimEncoded(w.data, off, before)
	switch next - addr {
	case 4:
		w.Bytes(v4, addr, 4)
	case 16:
		w.Bytes(v6, addr, 16)
	}
	return next
}

// pimJoinFields describes a Join/Prune message, Graft or Graft-Ack (RFC 7761 section 4.9.5).
func pimJoinFields(w *FieldWriter) {
	off := pimAddress(w, 4, 2, fPIMUpstream, fPIMUpstr6)
	if off == 0 || off+4 > len(w.data) {
		return
	}
	w.Uint(fPIMGroups, off+1, 1)
	w.Uint(fPIMHold, off+2, 2)
	groups := int(w.data[off+1])
	for off += 4; groups > 0; groups-- {
		_, next := pimEncoded(w.data, off, 4)
		if next == 0 || next+4 > len(w.data) {
			return
		}
		w.Group(fPIMSet, off, next+4-off)
		w.Uint(fPIMMaskLen, off+3, 1)
		pimAddress(w, off, 4, fPIMGroup, fPIMGroup6)
		joins, prunes := int(w.Uint(fPIMJoins, next, 2)), int(w.Uint(fPIMPrunes, next+2, 2))
		off = next + 4
		for ; joins > 0 && off > 0; joins-- {
			off = pimAddress(w, off, 4, fPIMJoin, fPIMJoin6)
		}
		for ; prunes > 0 && off > 0; prunes-- {
			off = pimAddress(w, off, 4, fPIMPrune, fPIMPrune6)
		}
		w.End()
		if off == 0 {
			return
		}
	}
}

var pimOption = Names{
	1: "Holdtime", 2: "LAN Prune Delay", 19: "DR Priority", 20: "Generation ID", 21: "State Refresh Capable",
	22: "Bidirectional Capable", 24: "Address List", 26: "Join Attribute",
}.Of

func pimName(n uint64) string {
	return [...]string{"Hello", "Register", "Register-Stop", "Join/Prune", "Bootstrap", "Assert", "Graft", "Graft-Ack",
		"Candidate RP Advertisement", "State-Refresh", "DF election", "ECMP redirect", "PFM", "", "", ""}[n&15]
}

func (*Printer) appendPIM(b []byte, p *Packet, i int) []byte {
	h := p.PIM(i)
	b = appendUint(append(b, "PIMv"...), uint64(h.Version()))
	b = append(b, ", "...)
	if s := pimName(uint64(h.Type())); s != "" && h.Version() == 2 {
		b = append(b, s...)
	} else {
		b = appendUint(append(b, "type "...), uint64(h.Type()))
	}
	if h.Version() == 2 {
		b = appendPIMBody(b, h)
	}
	return appendInt(append(b, ", length "...), p.layers[i].Length)
}

// appendPIMBody adds the options of a Hello, or who joins and leaves what.
func appendPIMBody(b []byte, h PIM) []byte {
	switch h.Type() {
	case 0:
		pimOptions(h, func(t uint16, off, n int) {
			switch {
			case t == 1 && n == 2:
				b = appendUint(append(b, ", holdtime "...), uint64(be16(h[off+4:])))
			case t == 19 && n == 4:
				b = appendUint(append(b, ", DR priority "...), uint64(be32(h[off+4:])))
			}
		})
	case 3, 6, 7:
		addr, off := pimEncoded(h, 4, 2)
		if off == 0 || off+4 > len(h) {
			return b
		}
		b = appendAddr(append(b, ", upstream "...), h[addr:off])
		groups := int(h[off+1])
		off += 4
		for shown := 0; groups > 0; groups-- {
			addr, next := pimEncoded(h, off, 4)
			if next == 0 || next+4 > len(h) {
				return b
			}
			b = appendAddr(append(b, ", group "...), h[addr:next])
			counts := [2]int{int(be16(h[next:])), int(be16(h[next+2:]))}
			off = next + 4
			for k, what := range [...]string{" join ", " prune "} {
				for ; counts[k] > 0; counts[k]-- {
					addr, next := pimEncoded(h, off, 4)
					if next == 0 {
						return b
					}
					if shown++; shown > 8 {
						return append(b, " ..."...)
					}
					b = appendAddr(append(b, what...), h[addr:next])
					off = next
				}
			}
		}
	}
	return b
}
