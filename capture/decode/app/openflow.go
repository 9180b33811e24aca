package app

import "sockwire/capture/decode"

var _ = show(decode.TypeOpenFlow, openflowLine, openflowFields)

var (
	fOFVersion  = decode.Define("openflow.version", "Version", decode.KindHex).At(0, 1).Means(openflowVersion)
	fOFType     = decode.Define("openflow.type", "Type", decode.KindUint).At(1, 1)
	fOFLength   = decode.Define("openflow.length", "Length", decode.KindUint).At(2, 2)
	fOFXID      = decode.Define("openflow.xid", "Transaction ID", decode.KindUint).At(4, 4)
	fOFDatapath = decode.Define("openflow.datapath_id", "Datapath ID", decode.KindHex).At(8, 8)
	fOFBuffers  = decode.Define("openflow.n_buffers", "Buffers", decode.KindUint).At(16, 4)
	fOFTables   = decode.Define("openflow.n_tables", "Tables", decode.KindUint).At(20, 1)
	fOFErrType  = decode.Define("openflow.error_type", "Error Type", decode.KindUint).At(8, 2)
	fOFErrCode  = decode.Define("openflow.error_code", "Error Code", decode.KindUint).At(10, 2)
	fOFBuffer   = decode.Define("openflow.buffer_id", "Buffer ID", decode.KindHex).At(8, 4)
)

// openflowFields describes one message: its header, and the start of what features, errors and packets have.
func openflowFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fOFVersion)
	data := w.Data()
	if len(data) < 8 {
		return
	}
	w.Enum(fOFType, 1, 1, func(n uint64) string { return openflowName(data[0], n) })
	w.Add(0, fOFLength, fOFXID)
	switch data[1] {
	case 1:
		w.Add(0, fOFErrType, fOFErrCode)
	case 6:
		w.Add(0, fOFDatapath, fOFBuffers, fOFTables)
	case 10:
		w.Add(0, fOFBuffer)
	}
}

func openflowLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 8 {
		return b, false
	}
	b = decode.AppendName(append(b, "OpenFlow "...), openflowVersion(uint64(data[0])), "version ", uint64(data[0]))
	b = decode.AppendName(append(b, ", "...), openflowName(data[0], uint64(data[1])), "type ", uint64(data[1]))
	b = appendHex(b, ", xid ", be32(data[4:]))
	if data[1] == 6 && len(data) >= 16 {
		b = appendHex(b, ", datapath ", be64(data[8:]))
	}
	return b, true
}

var openflowVersion = decode.Names{1: "1.0", 2: "1.1", 3: "1.2", 4: "1.3", 5: "1.4", 6: "1.5"}.Of

// openflowName names a message type; from 14 on version 1.0 has others.
func openflowName(version byte, n uint64) string {
	if version == 1 {
		if s := openflow10[n]; s != "" {
			return s
		}
	}
	return openflowNames[n]
}

var openflow10 = decode.Names{
	15: "PORT_MOD", 16: "STATS_REQUEST", 17: "STATS_REPLY", 18: "BARRIER_REQUEST", 19: "BARRIER_REPLY",
	20: "QUEUE_GET_CONFIG_REQUEST", 21: "QUEUE_GET_CONFIG_REPLY",
}

var openflowNames = decode.Names{
	0: "HELLO", 1: "ERROR", 2: "ECHO_REQUEST", 3: "ECHO_REPLY", 4: "EXPERIMENTER", 5: "FEATURES_REQUEST",
	6: "FEATURES_REPLY", 7: "GET_CONFIG_REQUEST", 8: "GET_CONFIG_REPLY", 9: "SET_CONFIG", 10: "PACKET_IN",
	11: "FLOW_REMOVED", 12: "PORT_STATUS", 13: "PACKET_OUT", 14: "FLOW_MOD", 15: "GROUP_MOD", 16: "PORT_MOD",
	17: "TABLE_MOD", 18: "MULTIPART_REQUEST", 19: "MULTIPART_REPLY", 20: "BARRIER_REQUEST", 21: "BARRIER_REPLY",
	22: "QUEUE_GET_CONFIG_REQUEST", 23: "QUEUE_GET_CONFIG_REPLY", 24: "ROLE_REQUEST", 25: "ROLE_REPLY",
	26: "GET_ASYNC_REQUEST", 27: "GET_ASYNC_REPLY", 28: "SET_ASYNC", 29: "METER_MOD",
}
