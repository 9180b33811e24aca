package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeMySQL, "MySQL", mysqlFields)

var (
	fMySQLLength  = decode.Define("mysql.packet_length", "Packet length", decode.KindUint).As("length").At(0, 3).Little()
	fMySQLNumber  = decode.Define("mysql.packet_number", "Packet number", decode.KindUint).As("number").At(3, 1)
	fMySQLProto   = decode.Define("mysql.protocol", "Protocol", decode.KindUint).At(4, 1)
	fMySQLVersion = decode.Define("mysql.version", "Version", decode.KindText).InLine(" greeting, version ")
	fMySQLThread  = decode.Define("mysql.thread_id", "Thread ID", decode.KindUint).Little()
	fMySQLUser    = decode.Define("mysql.user", "User", decode.KindText).InLine(" login, user ")
	fMySQLCommand = decode.Define("mysql.command", "Command", decode.KindUint).At(4, 1).Means(mysqlCommand).InLine(" ")
	fMySQLQuery   = decode.Define("mysql.query", "Statement", decode.KindText).InLine(" ")
	fMySQLSchema  = decode.Define("mysql.schema", "Schema", decode.KindText).InLine(" ")
	fMySQLCode    = decode.Define("mysql.response_code", "Response code", decode.KindUint).At(4, 1).Means(mysqlResponse).InLine(" ")
	fMySQLError   = decode.Define("mysql.error_code", "Error code", decode.KindUint).At(5, 2).Little().InLine(" ")
	fMySQLState   = decode.Define("mysql.sqlstate", "SQL state", decode.KindText).InLine(" ")
	fMySQLMessage = decode.Define("mysql.error.message", "Error message", decode.KindText).As("error").InLine(" ")
)

// mysqlFields describes a packet. Which side sent it, number and content tell: number 0 is a command or a greeting.
func mysqlFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fMySQLLength, fMySQLNumber)
	if len(data) < 5 {
		return
	}
	number, body := data[3], data[4:]
	switch {
	case number == 0 && body[0] == 10 && len(body) > 30:
		w.Add(0, fMySQLProto)
		version, next := zeroTerminated(data, 5)
		w.Bytes(fMySQLVersion, 5, len(version))
		w.Uint(fMySQLThread, next, 4)
	case body[0] == 0xff && len(body) >= 3:
		w.Add(0, fMySQLCode, fMySQLError)
		off := 7
		if len(body) > 9 && body[3] == '#' {
			w.Bytes(fMySQLState, 8, 5)
			off = 13
		}
		w.Bytes(fMySQLMessage, off, -1)
	case number == 0:
		command := w.Enum(fMySQLCommand, 4, 1, mysqlCommand)
		switch command {
		case 3, 22:
			w.Bytes(fMySQLQuery, 5, -1)
		case 2, 5, 6:
			w.Bytes(fMySQLSchema, 5, -1)
		}
	case number == 1 && len(body) > 32 && isZero(body[9:32]): // a login: flags, size, character set, and what is reserved
		user, _ := zeroTerminated(data, 36)
		w.Bytes(fMySQLUser, 36, len(user))
	case body[0] == 0 && number == 1 && len(body) >= 7 || body[0] == 0xfe && len(body) < 9:
		w.Add(0, fMySQLCode)
	}
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

var mysqlCommand = decode.Names{
	0: "Sleep", 1: "Quit", 2: "Use Database", 3: "Query", 4: "Show Fields", 5: "Create Database", 6: "Drop Database", 7: "Refresh", 8: "Shutdown",
	9: "Statistics", 10: "Process List", 11: "Connect", 12: "Kill Server Thread", 13: "Dump Debuginfo", 14: "Ping", 16: "Delayed Insert",
	17: "Change User", 18: "Send Binlog", 19: "Send Table", 20: "Slave Connect", 21: "Register Slave", 22: "Prepare Statement",
	23: "Execute Statement", 24: "Send BLOB", 25: "Close Statement", 26: "Reset Statement", 27: "Set Option", 28: "Fetch Data",
	30: "Binlog dump GTID", 31: "Reset Connection",
}.Of

var mysqlResponse = decode.Names{0: "OK", 0xfe: "EOF", 0xff: "Error"}.Of
