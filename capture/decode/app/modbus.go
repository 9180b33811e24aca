package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeModbus, "Modbus", modbusFields)

var (
	fModbusID     = decode.Define("mbtcp.trans_id", "Transaction ID", decode.KindUint).At(0, 2).InLine(" id ")
	fModbusProto  = decode.Define("mbtcp.prot_id", "Protocol ID", decode.KindUint).At(2, 2)
	fModbusLength = decode.Define("mbtcp.len", "Length", decode.KindUint).As("length").At(4, 2)
	fModbusUnit   = decode.Define("mbtcp.unit_id", "Unit ID", decode.KindUint).At(6, 1).InLine(" unit ")
	fModbusFunc   = decode.Define("modbus.func_code", "Function", decode.KindUint).As("function").Bits(57, 7).Means(modbusFunction).InLine(" ")
	fModbusError  = decode.Define("modbus.exception_code", "Exception", decode.KindUint).As("exception").At(8, 1).Means(modbusException).InLine(" exception ")
)

// modbusFields describes a message of Modbus/TCP. What a function's data mean depends on who sends it.
func modbusFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fModbusID, fModbusProto, fModbusLength, fModbusUnit, fModbusFunc)
	if len(data) > 7 && data[7]&0x80 != 0 {
		w.Add(0, fModbusError)
	}
}

var modbusFunction = decode.Names{
	1: "Read Coils", 2: "Read Discrete Inputs", 3: "Read Holding Registers", 4: "Read Input Registers", 5: "Write Single Coil",
	6: "Write Single Register", 7: "Read Exception Status", 8: "Diagnostics", 11: "Get Comm. Event Counters", 12: "Get Comm. Event Log",
	15: "Write Multiple Coils", 16: "Write Multiple Registers", 17: "Report Slave ID", 20: "Read File Record", 21: "Write File Record",
	22: "Mask Write Register", 23: "Read Write Register", 24: "Read FIFO Queue", 43: "Encapsulated Interface Transport", 90: "Unity (Schneider)",
}.Of

var modbusException = decode.Names{
	1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "slave device failure", 5: "acknowledge", 6: "slave device busy",
	8: "memory parity error", 10: "gateway path unavailable", 11: "gateway target device failed to respond",
}.Of
