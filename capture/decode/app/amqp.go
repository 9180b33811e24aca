package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeAMQP, "AMQP", amqpFields)

var (
	fAMQPMajor   = decode.Define("amqp.init.version_major", "Major version", decode.KindUint).As("major").At(6, 1).InLine(" protocol header ")
	fAMQPMinor   = decode.Define("amqp.init.version_minor", "Minor version", decode.KindUint).As("minor").At(7, 1).InLine("-")
	fAMQPType    = decode.Define("amqp.type", "Frame type", decode.KindUint)
	fAMQPChannel = decode.Define("amqp.channel", "Channel", decode.KindUint).InLine(" channel ")
	fAMQPLength  = decode.Define("amqp.length", "Length", decode.KindUint)
	fAMQPFrame   = decode.Define("amqp.frame", "Frame", decode.KindUint).InLine(" ")
	fAMQPClass   = decode.Define("amqp.method.class", "Class", decode.KindUint).As("class").At(7, 2).Means(amqpClass).InLine(" ")
	fAMQPMethod  = decode.Define("amqp.method.method", "Method", decode.KindUint).As("method").At(9, 2).InLine(".")
	fAMQPPerform = decode.Define("amqp.performative", "Performative", decode.KindUint).Means(amqpPerformative).InLine(" ")
)

// amqpFields describes a frame of version 0-9-1 or of 1.0, or the header that a client starts with.
func amqpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	switch {
	case len(data) < 8:
	case string(data[:4]) == "AMQP":
		w.Add(0, fAMQPMajor, fAMQPMinor)
	case data[0] == 0: // version 1.0: size, offset of the data, type, channel
		w.Uint(fAMQPLength, 0, 4)
		w.Uint(fAMQPType, 5, 1)
		w.Uint(fAMQPChannel, 6, 2)
		if at := 4 * int(data[4]); at+3 <= len(data) && data[at] == 0 && data[at+1] == 0x53 {
			w.Enum(fAMQPPerform, at+2, 1, amqpPerformative)
		}
	default:
		w.Uint(fAMQPType, 0, 1)
		w.Uint(fAMQPChannel, 1, 2)
		w.Uint(fAMQPLength, 3, 4)
		if data[0] != 1 || len(data) < 11 {
			w.Value(fAMQPFrame, 0, 0, uint64(data[0]))
			w.Note(decode.Names{2: "content header", 3: "content body", 4: "heartbeat", 8: "heartbeat"}.Of(uint64(data[0])))
			return
		}
		class := w.Enum(fAMQPClass, 7, 2, amqpClass)
		w.Enum(fAMQPMethod, 9, 2, func(n uint64) string { return amqpMethod(class<<16 | n) })
	}
}

var amqpClass = decode.Names{
	10: "Connection", 20: "Channel", 30: "Access", 40: "Exchange", 50: "Queue", 60: "Basic", 85: "Confirm", 90: "Tx",
}.Of

var amqpMethod = decode.Names{
	10<<16 | 10: "Start", 10<<16 | 11: "Start-Ok", 10<<16 | 20: "Secure", 10<<16 | 21: "Secure-Ok", 10<<16 | 30: "Tune", 10<<16 | 31: "Tune-Ok",
	10<<16 | 40: "Open", 10<<16 | 41: "Open-Ok", 10<<16 | 50: "Close", 10<<16 | 51: "Close-Ok", 10<<16 | 60: "Blocked", 10<<16 | 61: "Unblocked",
	20<<16 | 10: "Open", 20<<16 | 11: "Open-Ok", 20<<16 | 20: "Flow", 20<<16 | 21: "Flow-Ok", 20<<16 | 40: "Close", 20<<16 | 41: "Close-Ok",
	40<<16 | 10: "Declare", 40<<16 | 11: "Declare-Ok", 40<<16 | 20: "Delete", 40<<16 | 21: "Delete-Ok", 40<<16 | 30: "Bind", 40<<16 | 31: "Bind-Ok",
	50<<16 | 10: "Declare", 50<<16 | 11: "Declare-Ok", 50<<16 | 20: "Bind", 50<<16 | 21: "Bind-Ok", 50<<16 | 30: "Purge", 50<<16 | 31: "Purge-Ok",
	50<<16 | 40: "Delete", 50<<16 | 41: "Delete-Ok", 50<<16 | 50: "Unbind", 50<<16 | 51: "Unbind-Ok",
	60<<16 | 10: "Qos", 60<<16 | 11: "Qos-Ok", 60<<16 | 20: "Consume", 60<<16 | 21: "Consume-Ok", 60<<16 | 30: "Cancel", 60<<16 | 31: "Cancel-Ok",
	60<<16 | 40: "Publish", 60<<16 | 50: "Return", 60<<16 | 60: "Deliver", 60<<16 | 70: "Get", 60<<16 | 71: "Get-Ok", 60<<16 | 72: "Get-Empty",
	60<<16 | 80: "Ack", 60<<16 | 90: "Reject", 60<<16 | 110: "Recover", 60<<16 | 111: "Recover-Ok", 60<<16 | 120: "Nack",
	85<<16 | 10: "Select", 85<<16 | 11: "Select-Ok", 90<<16 | 10: "Select", 90<<16 | 11: "Select-Ok", 90<<16 | 20: "Commit", 90<<16 | 21: "Commit-Ok",
	90<<16 | 30: "Rollback", 90<<16 | 31: "Rollback-Ok",
}.Of

var amqpPerformative = decode.Names{
	0x10: "open", 0x11: "begin", 0x12: "attach", 0x13: "flow", 0x14: "transfer", 0x15: "disposition", 0x16: "detach", 0x17: "end", 0x18: "close",
	0x40: "sasl.mechanisms", 0x41: "sasl.init", 0x42: "sasl.challenge", 0x43: "sasl.response", 0x44: "sasl.outcome",
}.Of
