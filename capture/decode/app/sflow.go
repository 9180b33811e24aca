package app

import "sockwire/capture/decode"

var _ = show(decode.TypeSFlow, sflowLine, sflowFields)

var (
	fSFlowVersion  = decode.Define("sflow_245.version", "Datagram version", decode.KindUint).As("version").At(0, 4)
	fSFlowAgentT   = decode.Define("sflow_245.agenttype", "Agent address type", decode.KindUint).As("agent_type").At(4, 4)
	fSFlowAgent    = decode.Define("sflow_245.agent", "Agent address", decode.KindIP).As("agent")
	fSFlowAgent6   = decode.Define("sflow_245.agent.v6", "Agent address", decode.KindIP).As("agent")
	fSFlowSub      = decode.Define("sflow_245.sub_agent_id", "Sub-agent ID", decode.KindUint).As("sub_agent_id")
	fSFlowSequence = decode.Define("sflow_245.sequence_number", "Sequence number", decode.KindUint).As("sequence")
	fSFlowUptime   = decode.Define("sflow_245.uptime_ms", "SysUptime, in ms", decode.KindUint).As("uptime")
	fSFlowCount    = decode.Define("sflow_245.numsamples", "NumSamples", decode.KindUint).As("sample_count")
	fSFlowSample   = decode.Define("sflow.sample", "Sample", decode.KindGroup).As("samples").Several()
	fSFlowOrg      = decode.Define("sflow.enterprise", "Enterprise", decode.KindUint).As("enterprise").Bits(0, 20)
	fSFlowType     = decode.Define("sflow_245.sampletype", "Sample type", decode.KindUint).As("type").Bits(20, 12).Means(sflowSample)
	fSFlowLength   = decode.Define("sflow_5.sample_length", "Sample length", decode.KindUint).As("length").At(4, 4)
	fSFlowSampleN  = decode.Define("sflow.sample.sequence", "Sample sequence number", decode.KindUint).As("sequence").At(8, 4)
	fSFlowRate     = decode.Define("sflow.flow_sample.sampling_rate", "Sampling rate", decode.KindUint).As("sampling_rate")
	fSFlowPool     = decode.Define("sflow.flow_sample.sample_pool", "Sample pool", decode.KindUint).As("sample_pool")
	fSFlowDropped  = decode.Define("sflow.flow_sample.dropped_packets", "Dropped packets", decode.KindUint).As("dropped_packets")
	fSFlowRecord   = decode.Define("sflow.record", "Record", decode.KindGroup).As("records").Several()
	fSFlowFormat   = decode.Define("sflow.record.format", "Format", decode.KindUint).As("format").Bits(20, 12)
	fSFlowRecLen   = decode.Define("sflow.record.length", "Length", decode.KindUint).As("length").At(4, 4)
	fSFlowProtocol = decode.Define("sflow_245.header_protocol", "Header protocol", decode.KindUint).
			As("header_protocol").At(8, 4).Means(sflowHeader)
	fSFlowFrame = decode.Define("sflow_245.header.frame_length", "Frame Length", decode.KindUint).As("frame_length").At(12, 4)
	fSFlowCut   = decode.Define("sflow_245.header.payload_stripped", "Payload stripped", decode.KindUint).As("stripped").At(16, 4)
	fSFlowHdrN  = decode.Define("sflow_245.header.sampled_header_length", "Sampled header length", decode.KindUint).
			As("sampled_header_length").At(20, 4)
	fSFlowHeader = decode.Define("sflow_245.header", "Header of sampled packet", decode.KindBytes).As("sampled_header")
	fSFlowData   = decode.Define("sflow.record.data", "Data", decode.KindBytes).As("data")
)

// sflowSamples returns where the samples of version 5 start, and how many there are; 0 for another version.
func sflowSamples(data []byte) (off int, count uint64) {
	if len(data) < 28 || be32(data) != 5 {
		return 0, 0
	}
	off = 8 + 4
	if be32(data[4:]) == 2 {
		off = 8 + 16
	}
	if off+16 > len(data) {
		return 0, 0
	}
	return off + 16, min(be32(data[off+12:]), maxList)
}

var sflowRecords = records{kind: 4, length: 4}

func sflowFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fSFlowVersion, fSFlowAgentT)
	off, count := sflowSamples(data)
	if off == 0 {
		return
	}
	if off == 28 {
		w.Bytes(fSFlowAgent, 8, 4)
	} else {
		w.Bytes(fSFlowAgent6, 8, 16)
	}
	w.Uint(fSFlowSub, off-16, 4)
	w.Uint(fSFlowSequence, off-12, 4)
	w.Uint(fSFlowUptime, off-8, 4)
	w.Uint(fSFlowCount, off-4, 4)
	sflowRecords.each(data, off, len(data), func(kind uint64, at, value, n int) bool {
		if count == 0 {
			return false
		}
		count--
		w.Group(fSFlowSample, at, 8+n)
		w.Add(at, fSFlowOrg, fSFlowType, fSFlowLength, fSFlowSampleN)
		if first := sflowFirst(kind); first > 0 && n >= first {
			if kind == 1 || kind == 3 {
				rate := value + 8
				if kind == 3 {
					rate = value + 12
				}
				w.Uint(fSFlowRate, rate, 4)
				w.Uint(fSFlowPool, rate+4, 4)
				w.Uint(fSFlowDropped, rate+8, 4)
			}
			sflowRecords.each(data, value+first, value+n, func(format uint64, at, value, n int) bool {
				w.Group(fSFlowRecord, at, 8+n)
				w.Add(at, fSFlowFormat, fSFlowRecLen)
				switch {
				case (kind == 1 || kind == 3) && format == 1 && n >= 16:
					w.Add(at, fSFlowProtocol, fSFlowFrame, fSFlowCut, fSFlowHdrN)
					w.Bytes(fSFlowHeader, value+16, min(int(be32(data[value+12:])), n-16))
				case n > 0:
					w.Bytes(fSFlowData, value, n)
				}
				w.End()
				return true
			})
		}
		w.End()
		return true
	})
}

// sflowFirst is where the records of a sample start in its value, 0 for a sample that is not known.
func sflowFirst(kind uint64) int {
	switch kind {
	case 1:
		return 32
	case 2:
		return 12
	case 3:
		return 44
	case 4:
		return 16
	}
	return 0
}

func sflowLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 8 {
		return b, false
	}
	b = appendNumber(b, "sFlowv", be32(data))
	off, count := sflowSamples(data)
	if off == 0 {
		return b, true
	}
	b = appendAddress(b, ", agent ", data[8:off-16])
	b = appendNumber(b, ", agent-id ", be32(data[off-16:]))
	b = appendNumber(b, ", seq ", be32(data[off-12:]))
	b = appendNumber(b, ", samples ", be32(data[off-4:]))
	shown := 0
	sflowRecords.each(data, off, len(data), func(kind uint64, _, _, _ int) bool {
		if shown++; shown > 8 || count == 0 {
			return false
		}
		count--
		b = decode.AppendName(append(b, ", "...), sflowSample(kind), "sample type ", kind)
		return true
	})
	return b, true
}

var sflowSample = decode.Names{
	1: "flow sample", 2: "counter sample", 3: "expanded flow sample", 4: "expanded counter sample",
}.Of

var sflowHeader = decode.Names{1: "Ethernet", 7: "PPP", 11: "IPv4", 12: "IPv6", 13: "MPLS"}.Of
