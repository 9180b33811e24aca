package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeRTCP, "RTCP", func(w *decode.FieldWriter, _ bool) {
	each(w, decode.TypeRTCP.MessageLength, rtcpPacket)
})

var (
	fRTCPVersion = decode.Define("rtcp.version", "Version", decode.KindUint).Bits(0, 2)
	fRTCPPadding = decode.Define("rtcp.padding", "Padding", decode.KindBool).Bits(2, 1)
	fRTCPReports = decode.Define("rtcp.rc", "Reception report count", decode.KindUint).As("reports_count").Bits(3, 5)
	fRTCPSources = decode.Define("rtcp.sc", "Source count", decode.KindUint).As("sources_count").Bits(3, 5)
	fRTCPType    = decode.Define("rtcp.pt", "Packet type", decode.KindUint).As("type").At(1, 1).Means(rtcpType).InLine(" ")
	fRTCPLength  = decode.Define("rtcp.length", "Length, in 32-bit words less one", decode.KindUint).At(2, 2)
	fRTCPSender  = decode.Define("rtcp.senderssrc", "Sender SSRC", decode.KindHex).As("sender").At(4, 4).InLine(" ssrc ")
	fRTCPMSW     = decode.Define("rtcp.timestamp.ntp.msw", "NTP timestamp, seconds", decode.KindUint).At(8, 4)
	fRTCPLSW     = decode.Define("rtcp.timestamp.ntp.lsw", "NTP timestamp, fraction", decode.KindUint).At(12, 4)
	fRTCPTime    = decode.Define("rtcp.timestamp.rtp", "RTP timestamp", decode.KindUint).At(16, 4)
	fRTCPPackets = decode.Define("rtcp.sender.packetcount", "Sender's packet count", decode.KindUint).As("packets").At(20, 4).InLine(" packets ")
	fRTCPOctets  = decode.Define("rtcp.sender.octetcount", "Sender's octet count", decode.KindUint).As("octets").At(24, 4).InLine(" octets ")
	fRTCPReport  = decode.Define("rtcp.report", "Report block", decode.KindGroup).As("reports").Several()
	fRTCPSSRC    = decode.Define("rtcp.ssrc.identifier", "SSRC", decode.KindHex).As("ssrc")
	fRTCPLost    = decode.Define("rtcp.ssrc.fraction", "Fraction lost, in 1/256", decode.KindUint).As("fraction_lost").At(4, 1)
	fRTCPHighest = decode.Define("rtcp.ssrc.ext_high", "Highest sequence number", decode.KindUint).As("highest_sequence").At(8, 4)
	fRTCPJitter  = decode.Define("rtcp.ssrc.jitter", "Interarrival jitter", decode.KindUint).As("jitter").At(12, 4).InLine(" jitter ")
	fRTCPLSR     = decode.Define("rtcp.ssrc.lsr", "Last SR", decode.KindUint).As("lsr").At(16, 4)
	fRTCPDLSR    = decode.Define("rtcp.ssrc.dlsr", "Delay since last SR, in 1/65536 s", decode.KindUint).As("dlsr").At(20, 4)
	fRTCPChunk   = decode.Define("rtcp.chunk", "Source", decode.KindGroup).As("sources").Several()
	fRTCPItem    = decode.Define("rtcp.item", "Item", decode.KindGroup).As("items").Several()
	fRTCPSDES    = decode.Define("rtcp.sdes.type", "Item type", decode.KindUint).As("item").Means(rtcpItem).InLine(" ")
	fRTCPText    = decode.Define("rtcp.sdes.text", "Text", decode.KindText).As("text").InLine(" ")
	fRTCPApp     = decode.Define("rtcp.app.name", "Name", decode.KindText).As("name").At(8, 4).InLine(" ")
)

// rtcpPacket describes one packet of a compound (RFC 3550 section 6.4).
func rtcpPacket(w *decode.FieldWriter) {
	data := w.Data()
	if len(data) < 4 {
		return
	}
	w.Add(0, fRTCPVersion, fRTCPPadding)
	count, kind := int(data[0]&31), data[1]
	switch kind {
	case 200, 201:
		w.Add(0, fRTCPReports)
	case 202, 203:
		w.Add(0, fRTCPSources)
	}
	w.Add(0, fRTCPType, fRTCPLength)
	off := 8
	switch kind {
	case 200:
		w.Add(0, fRTCPSender, fRTCPMSW, fRTCPLSW, fRTCPTime, fRTCPPackets, fRTCPOctets)
		off = 28
		fallthrough
	case 201:
		if kind == 201 {
			w.Add(0, fRTCPSender)
		}
		for ; count > 0 && off+24 <= len(data); count-- {
			w.Group(fRTCPReport, off, 24)
			w.Uint(fRTCPSSRC, off, 4)
			w.Add(off, fRTCPLost, fRTCPHighest, fRTCPJitter, fRTCPLSR, fRTCPDLSR)
			w.End()
			off += 24
		}
	case 202:
		rtcpSources(w, count)
	case 203:
		for i := range count {
			w.Group(fRTCPChunk, 4+4*i, 4)
			w.Uint(fRTCPSSRC, 4+4*i, 4)
			w.End()
		}
	case 204:
		w.Add(0, fRTCPSender, fRTCPApp)
	default:
		w.Add(0, fRTCPSender)
	}
}

// rtcpSources describes the chunks of a source description.
func rtcpSources(w *decode.FieldWriter, count int) {
	data := w.Data()
	for off := 4; count > 0 && off+8 <= len(data); count-- {
		w.Group(fRTCPChunk, off, len(data)-off)
		w.Uint(fRTCPSSRC, off, 4)
		for off += 4; off < len(data) && data[off] != 0; {
			n := 2
			if off+1 < len(data) {
				n += int(data[off+1])
			}
			w.Group(fRTCPItem, off, n)
			w.Enum(fRTCPSDES, off, 1, rtcpItem)
			w.Bytes(fRTCPText, off+2, n-2)
			w.End()
			off += n
		}
		w.End()
		off = (off + 4) &^ 3
	}
}

var rtcpType = decode.Names{
	192: "FIR", 193: "NACK", 195: "IJ", 200: "SR", 201: "RR", 202: "SDES", 203: "BYE", 204: "APP", 205: "RTPFB", 206: "PSFB", 207: "XR",
}.Of

var rtcpItem = decode.Names{1: "CNAME", 2: "NAME", 3: "EMAIL", 4: "PHONE", 5: "LOC", 6: "TOOL", 7: "NOTE", 8: "PRIV"}.Of
