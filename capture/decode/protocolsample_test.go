package decode_test

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"

	"sockwire/capture/decode"
)

// protocolKeys are those that tshark does not have.
const protocolKeys = `whois.line finger.line ident.line daytime.line db-lsp-disc.text chargen.data ftp-data.data amqp.frame app.message bt-dht.message bt-dht.query cql.length gelf.packed gelf.text iec60870_104.format imap.untagged
iscsi.scsi_opcode mongo.command mongo.command_value nbss.kind nfs.result nntp.request.argument nntp.request.command nntp.response.code
nntp.response.text pgsql.kind resp.array_length resp.element resp.inline rtcp.chunk rtcp.item rtcp.report rtmpt.command rtmpt.version smb.failed
smb2.failed smb2.pipe smb2.header.transform.session socks.v statsd.metric telnet.part vnc.message vnc.proto_ver websocket.length xmpp.stanza zabbix.data
zabbix.flags zabbix.length`

// protocolStrange are files in which tshark and we differ.
var protocolStrange = []strangeFile{
	{"bacnet-arcnet", "bac", "BACnet is known over UDP only"},
	{"mstp_", "bac", "BACnet is known over UDP only"},
	{"kday", "rpki-rtr.", "tshark takes all bytes of the port for RPKI"},
	{"telnet-iac-check-oobr", "telnet.", "tshark takes IAC inside of a broken subnegotiation for commands"},
	{"", "rpc.programversion", "tshark gives the version of a known program twice"},
	{"afs.pcap", "rx.", "tshark also shows what acknowledgements and tickets say"},
	{"afs.pcap", "kerberos.", "tshark shows the tickets inside, and those that go without a message"},
	{"eapon1", "nb", "tshark says what the last byte of a name means, and writes other bytes in its own way"},
	{"nfs-", "rpc.", "tshark knows replies by their requests, and looks for calls behind a broken one"},
	{"nfs-", "nfs.", "tshark shows no procedure of a call that is cut"},
	{"unaligned-nfs", "rpc.", "tshark knows replies by their requests"},
	{"hoobr_nfs", "rpc.", "tshark stops at a length that is wrong"},
	{"smb_print_trans-oobr2", "nbdgm.", "tshark shows a text where a name is illegal"},
	{"smb_data_print-segv", "nbss.", "tshark shows no message that is cut"},
	{"rx_ubik-oobr", "rx.", "tshark shows nothing of RX where the IP packet ends before the datagram does"},
	{"resp_", "resp.", "tshark shows bulk strings as bytes and nothing of empty ones"},
}

// llmnrFlags are those that tshark leaves out of LLMNR, or of queries.
const llmnrFlags = "dns.flags.authoritative dns.flags.recdesired dns.flags.recavail dns.flags.authenticated dns.flags.checkdisable " +
	"dns.flags.rcode"

// rpcTwice is what tshark shows twice.
const rpcTwice = "rpc.programversion"

var protocolSamples = []protocolSample{
	{decode.TypeSMTP, tcpServer, text("220 mail.example.com ESMTP\r\n"), "SMTP: 220 mail.example.com ESMTP", ""},
	{decode.TypeSMTP, tcpServer, text("250-mail.example.com\r\n250-SIZE 1000\r\n250 STARTTLS\r\n"), "SMTP: 250-mail.example.com",
		"smtp.response.code"}, // shown once for all lines,
	{decode.TypeSMTP, tcpClient, text("EHLO host.example.com\r\n"), "SMTP: EHLO host.example.com", ""},
	{decode.TypeSMTP, tcpClient, text("STARTTLS\r\n"), "SMTP: STARTTLS",
		"smtp.req.command smtp.req.parameter"}, // takes four letters for a command,
	{decode.TypeFTP, tcpClient, text("RETR file.txt\r\n"), "FTP: RETR file.txt", ""},
	{decode.TypeFTP, tcpServer, text("331 Password required\r\n"), "FTP: 331 Password required", ""},
	{decode.TypePOP, tcpServer, text("+OK 2 messages\r\n"), "POP: +OK 2 messages", ""},
	{decode.TypePOP, tcpClient, text("RETR 1\r\n"), "POP: RETR 1", ""},
	{decode.TypeIMAP, tcpServer, text("* OK IMAP4rev1 ready\r\n"), "IMAP: * OK IMAP4rev1 ready", ""},
	{decode.TypeIMAP, tcpClient, text("a1 LOGIN bob x\r\na2 select INBOX\r\n"), "IMAP: a1 LOGIN bob x",
		"imap.request_tag imap.request.command"}, // stops behind a LOGIN,
	{decode.TypeIMAP, tcpServer, text("a1 OK LOGIN done\r\n* 3 EXISTS\r\na2 NO [X] no\r\n"), "IMAP: a1 OK LOGIN done", ""},
	{decode.TypeNNTP, tcpServer, text("200 news ok\r\n"), "NNTP: 200 news ok", ""},
	{decode.TypeIRC, tcpServer, text(":irc.example.com 001 bob :Welcome to it\r\n"), "IRC: :irc.example.com 001 bob :Welcome to it", ""},
	{decode.TypeIRC, tcpClient, text("NICK bob\r\nJOIN #a,#b key\r\nPRIVMSG #a :hello you\r\n"), "IRC: NICK bob", ""},
	{decode.TypeSIP, udpClient, text("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nv: SIP/2.0/UDP 192.0.2.2\r\n" +
		"f: <sip:al@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: 77@192.0.2.1\r\nCSeq: 1 INVITE\r\nContact: <sip:al@192.0.2.1>\r\n" +
		"Content-Type: application/sdp\r\nContent-Length: 115\r\n\r\nv=0\r\no=al 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
		"m=audio 4000 RTP/AVP 0 8\r\nm=video 4002 RTP/AVP 31\r\n"), "SIP: INVITE sip:bob@example.com SIP/2.0", ""},
	{decode.TypeSIP, tcpServer, text("SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\nSIP/2.0 200 OK\r\nl: 0\r\n\r\n"),
		"SIP: SIP/2.0 180 Ringing", ""},
	{decode.TypeRTSP, tcpClient, text("SETUP rtsp://192.0.2.1/a RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=4588-4589\r\n\r\n"),
		"RTSP: SETUP rtsp://192.0.2.1/a RTSP/1.0", ""},
	{decode.TypeRTSP, tcpServer, text("RTSP/1.0 200 OK\r\nSession: 12\r\n\r\n"), "RTSP: RTSP/1.0 200 OK", ""},
	{decode.TypeSSDP, udpClient, text("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n"),
		"SSDP: M-SEARCH * HTTP/1.1", ""},
	{decode.TypeRESP, tcpClient, text("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n\r\n\r\n"), `RESP "SET" "a" "\r\n"`,
		"resp.bulk_string.value"}, // bytes there,
	{decode.TypeRESP, tcpServer, text("-ERR no\r\n:5\r\n+OK\r\n$-1\r\n"), `RESP error "ERR no" 5 "OK" null`, ""},
	{decode.TypeTelnet, tcpServer, unhex("fffd18 fffb01 fffa1801fff0 68690d0a"), `Telnet DO TERMINAL TYPE WILL ECHO SB SE TERMINAL TYPE "hi\r\n"`,
		"telnet.subcmd"}, // also what a terminal type says,
	{decode.TypeMemcached, tcpClient, text("set a 0 0 5\r\nhello\r\n"), "memcached: set a 0 0 5", ""},
	{decode.TypeMemcached, tcpClient, unhex("80 00 0001 00 00 0000 00000001 00000007 0000000000000000 61"), `memcached Get key "a"`, ""},
	{decode.TypeLLMNR, udpClient, unhex("0001 0000 0001 0000 0000 0000 04 686f7374 00 0001 0001"), "1 A? host.", llmnrFlags},
	{decode.TypeNBNS, udpClient, unhex("8001 0110 0001 0000 0000 0000 20 " + nbName("FOO", 0x20) + "00 0020 0001"),
		`NBT UDP PACKET(137): QUERY; REQUEST; BROADCAST; "FOO<20>" NB`, "nbns.name"}, // says what the last byte means
	{decode.TypeNBNS, udpServer, unhex("8001 8500 0000 0001 0000 0000 20 " + nbName("FOO", 0x20) + "00 0020 0001 0004 93e0 0006 0000 c0000205"),
		`NBT UDP PACKET(137): QUERY; RESPONSE; "FOO<20>" NB 192.0.2.5`, "nbns.name"},
	{decode.TypeNBDGM, udpClient, unhex("11 02 0007 c0000201 008a 0046 0000 20 " + nbName("FOO", 0) + "00 20" + nbName("GROUP", 0x1e) + "00"),
		`NBT UDP PACKET(138): direct group; from "FOO<00>"; to "GROUP<1e>"`, "nbdgm.source_name nbdgm.destination_name"},
	{decode.TypeNBSS, tcpClient, unhex("81000044 20 " + nbName("SRV", 0x20) + "00 20" + nbName("CLI", 0) + "00"),
		`NBT called "SRV<20>" calling "CLI<00>" request`, "nbss.called_name nbss.calling_name"},
	{decode.TypeNBSS, tcpClient, append(unhex("0000002f ff534d42 72 00000000 18 0128 0000 0000000000000000 0000 0000 fffe 0000 0000 00 000c 02"), "NT LM 0.12\x00"...),
		"NBT: SMB PACKET: SMBnegprot (REQUEST)",
		""},
	{decode.TypeNBSS, tcpClient, unhex("000000d0" + smb2Head("0300", 0, 0, "50000000") + "0900 0000 4800 0800" + "5c005c0073005c00" +
		smb2Head("0500", 0, 0, "00000000") + zeros(44) + "78000800" + zeros(8) + "61002e0074007800"),
		`NBT: SMB2 Tree Connect request share "\\\\s\\"; Create request file "a.tx"`, ""},
	{decode.TypeNBSS, tcpServer, unhex("00000049" + smb2Head("0500", 0xc0000034, 1, "00000000") + "0900 0000 0000 0000 00"),
		"NBT: SMB2 Create response STATUS_OBJECT_NAME_NOT_FOUND", ""},
	{decode.TypeDCERPC, tcpClient, unhex("05000b03 10000000 48000000 01000000 d016 d016 00000000 01000000 0000 0100 0883afe1 1f5d c911 91a4 08002b14a0fa 0300 0000" +
		"045d888aeb1cc9119fe808002b104860 02000000"), `DCE/RPC bind call 1 EPMv4`, ""},
	{decode.TypeDCERPC, tcpClient, unhex("05000003 10000000 1c000000 02000000 04000000 0000 0300 00000000"), `DCE/RPC request call 2 opnum 3`, ""},
	{decode.TypeLDAP, tcpClient, unhex("3012 020101 600d 020103 0402636e 8004 70617373"), `LDAP bindRequest "cn" simple`, ""},
	{decode.TypeLDAP, tcpServer, unhex("300c 020101 6107 0a0131 0400 0400 300c 020102 6507 0a0100 0400 0400"), `LDAP bindResponse invalidCredentials ""; searchResDone success ""`, ""},
	{decode.TypeLDAP, tcpClient, unhex("3027 020102 6322 0402646e 0a0102 0a0100 020100 020100 010100 870b 6f626a656374436c617373 3000"),
		`LDAP searchRequest base "dn" scope wholeSubtree`, ""},
	{decode.TypeKerberos, udpClient, unhex("6a5c 305a a103020105 a20302010a a44e 304c a007 0305 0000000010 a110 300e a003020101 a107 3005 1b03626f62" +
		"a20a 1b08 4558414d504c45 2e a312 3010 a003020102 a109 3007 1b05 6b72627467 a703020107 a808 3006 020112 020117"),
		`Kerberos AS-REQ client "bob" realm "EXAMPLE." server "krbtg"`, ""},
	{decode.TypeKerberos, tcpServer, unhex("00000043 7e41 303f a003020105 a10302011e a411 180f 32303236303130323033303430355a a503020101 a603020119" +
		"a903 1b0141 aa0e 300c a003020102 a105 3003 1b0178"), `Kerberos KRB-ERROR KDC_ERR_PREAUTH_REQUIRED realm "A" server "x"`, ""},
	{decode.TypePgSQL, tcpClient, append(unhex("00000021 00030000"), "user\x00bob\x00database\x00shop\x00\x00"...), "PostgreSQL Startup message",
		"pgsql.parameter_name"}, // also the empty one at the end,
	{decode.TypePgSQL, tcpClient, append(unhex("51 0000000d"), "SELECT 1\x00"...), `PostgreSQL Simple query "SELECT 1"`, ""},
	{decode.TypePgSQL, tcpServer, append(unhex("43 0000000d"), "SELECT 1\x00Z\x00\x00\x00\x05I"...), `PostgreSQL Command completion "SELECT 1"; Ready for query`, ""},
	{decode.TypePgSQL, tcpServer, append(unhex("45 0000001b"), "SFATAL\x00C28P01\x00Mwrong\x00\x00"...), `PostgreSQL Error "FATAL" "28P01" "wrong"`, ""},
	{decode.TypePgSQL, tcpClient, append(unhex("50 00000011"), "\x00SELECT $1\x00\x00\x00S\x00\x00\x00\x04"...), `PostgreSQL Parse "" "SELECT $1"; Sync`, "pgsql.statement"},
	{decode.TypeMySQL, tcpServer, append(append(unhex("37000000 0a"), "8.0.30\x00"...), unhex("08000000"+strings.Repeat("41", 8)+"00 fff7 ff 0200 ffdf 15"+zeros(10)+strings.Repeat("41", 13))...),
		`MySQL greeting, version "8.0.30"`, ""},
	{decode.TypeMySQL, tcpClient, append(unhex("09000000 03"), "SELECT 1"...), `MySQL Query "SELECT 1"`, ""},
	{decode.TypeMySQL, tcpServer, append(unhex("0c000001 ff 1504"), "#28000bad"...), `MySQL Error 1045 "28000" "bad"`, ""},
	{decode.TypeKafka, tcpClient, unhex("00000015 0003 0005 00000007 0005 7072757474 0000000000"), `Kafka Metadata v5 id 7 client "prutt"`, ""},
	{decode.TypeMongo, tcpClient, append(unhex("33000000 01000000 00000000 d4070000 00000000"), append([]byte("admin.$cmd\x00\x00\x00\x00\x00\x01\x00\x00\x00"), unhex("0c000000 10 78 00 01000000 00")...)...),
		`MongoDB Query "admin.$cmd" "x"`, ""},
	{decode.TypeMongo, tcpClient, unhex("34000000 02000000 00000000 dd070000 00000000 00 1f000000 02 66696e6400 05000000 7573657200 02 24646200 02000000 6100 00"),
		`MongoDB Extensible Message Format "find" "user"`, ""},
	{decode.TypeCQL, tcpClient, unhex("04 00 0001 07 0000000f 00000008 53454c4543542031 0001 00"), `CQL QUERY "SELECT 1"`, ""},
	{decode.TypeMQTT, tcpClient, unhex("1010 0004 4d515454 04 02 003c 0004 6162 6364 c000"), `MQTT CONNECT version 4 client "abcd"; PINGREQ`, ""},
	{decode.TypeMQTT, tcpServer, unhex("20020005 30 07 0003 612f62 6869 90 03 0001 00"), `MQTT CONNACK not authorized; PUBLISH topic "a/b"; SUBACK id 1`,
		"mqtt.conack.val"}, // only behind a CONNECT,
	{decode.TypeMQTT, tcpClient, unhex("8206 0001 0001 61 01"), `MQTT SUBSCRIBE id 1 topic "a"`, ""},
	{decode.TypeAMQP, tcpClient, unhex("414d5150 00000901"), `AMQP protocol header 9-1`,
		"amqp.init.version_major amqp.init.version_minor"}, // has them for other versions,
	{decode.TypeAMQP, tcpClient, unhex("01 0001 00000005 0014 000a 00 ce 08 0000 00000000 ce"), `AMQP channel 1 Channel.Open; channel 0 heartbeat`, ""},
	{decode.TypePortmap, udpClient, unhex("00000007 00000000 00000002 000186a0 00000002 00000003 00000000 00000000 00000000 00000000 000186a3 00000003 00000011 00000000"),
		"Portmap request xid 0x7 Portmap v2 GETPORT for NFS v3 over UDP", rpcTwice},
	{decode.TypeMount, udpClient, unhex("00000008 00000000 00000002 000186a5 00000003 00000001 00000000 00000000 00000000 00000000 00000003 2f616200"),
		`Mount request xid 0x8 MOUNT v3 MNT "/ab"`, rpcTwice},
	{decode.TypeNFS, tcpClient, unhex("8000003c 00000009 00000000 00000002 000186a3 00000003 00000003 00000000 00000000 00000000 00000000 00000004 aabbccdd 00000005 612e747874000000"),
		`NFS request xid 0x9 NFS v3 LOOKUP "a.txt"`, rpcTwice},
	{decode.TypeNFS, tcpServer, unhex("8000001c 00000009 00000001 00000000 00000000 00000000 00000000 00000002"), "NFS reply xid 0x9 reply ok success ERR_NOENT",
		"rpc.*"}, // only behind its request,
	{decode.TypeNFS, tcpClient, unhex("80000060 0000000a 00000000 00000002 000186a3 00000004 00000001 00000000 00000000 00000000 00000000 00000000 00000001 00000004" +
		"00000035" + zeros(32) + "00000018 0000000a"), "NFS request xid 0xa NFS v4 COMPOUND SEQUENCE PUTROOTFH GETFH", rpcTwice},
	{decode.TypeRPC, udpClient, unhex("0000000b 00000000 00000002 000186b5 00000004 00000002 00000000 00000000 00000000 00000000"), "RPC request xid 0xb NLM v4 LOCK", rpcTwice},
	{decode.TypeRX, udpClient, unhex("3a0b0c0d 00000010 00000001 00000002 00000003 01 05 00 00 0000 0001 00000084"), "rx data call 1 seq 2 service 1", ""},
	{decode.TypeRTCP, udpClient, unhex("81c8000c 00000001 83aa7e80 80000000 00000100 0000000a 000003e8" + "00000002 10 000001 00010005 00000007 00000009 0000000b" +
		"81ca0003 00000001 01 03 612e62 00 0000"),
		`RTCP SR ssrc 0x1 packets 10 octets 1000 jitter 7; SDES CNAME "a.b"`,
		"rtcp.sdes.type"}, // also the end of the items,
	{decode.TypeTPKT, tcpClient, unhex("03000016 11 e0 0000 0001 00 c0010a c1020100 c2020102"), "TPKT: COTP CR", ""},
	{decode.TypeTPKT, tcpClient, append(append(unhex("0300002a 25 e0 0000 0000 00"), "Cookie: mstshash=bob\r\n"...), unhex("01 00 0800 03000000")...)[:42],
		`TPKT: COTP CR: RDP "Cookie: mstshash=bob" negotiation request protocols 0x3`, ""},
	{decode.TypeTPKT, tcpServer, unhex("03000013 0e d0 0000 1234 00 02 1f 0800 02000000"), "TPKT: COTP CC: RDP negotiation response protocol CredSSP", ""},
	{decode.TypeTPKT, tcpClient, unhex("03000019 02 f0 80 32 01 0000 0400 0008 0000 f0 00 0001 0001 01e0"), "TPKT: COTP DT: S7 Job ref 1024 Setup communication", "cotp.destref"},
	{decode.TypeModbus, tcpClient, unhex("0001 0000 0006 01 03 0000 000a"), "Modbus id 1 unit 1 Read Holding Registers", ""},
	{decode.TypeModbus, tcpServer, unhex("0001 0000 0003 01 83 02"), "Modbus id 1 unit 1 Read Holding Registers exception illegal data address", ""},
	{decode.TypeDNP3, tcpClient, unhex("0564 0b c4 0a00 0100 acd1 c0 c0 01 3c02 06 54e0"), "DNP3 from 1 to 10 Read", ""},
	{decode.TypeSOMEIP, udpClient, unhex("1234 0421 0000000c 0001 0002 01 01 00 00 aabbccdd ffff 8100 00000008 0000 0003 01 01 02 00"),
		"SOMEIP, service 0x1234, method 0x421, len 12, client 0x1, session 0x2, pver 1, iver 1, msgtype Request, retcode OK;" +
			", service SD, method 0x8100, len 8, client 0x0, session 0x3, pver 1, iver 1, msgtype Notification, retcode OK", ""},
	{decode.TypeENIP, tcpClient, unhex("6f00 1600 12345678 00000000 0000000000000000 00000000 00000000 0000 0200 0000 0000 b200 0600 0e 02 2001 2401"),
		"EtherNet/IP Send RR Data session 0x78563412 Get Attribute Single",
		"enip.status"}, // taken for that of a checksum by this test,
	{decode.TypeIEC104, tcpClient, unhex("6804 07000000 680e 0000 0200 64 01 06 00 0100 000000 14"), "IEC 104 U STARTDT act; I tx 0 rx 1 C_IC_NA_1 Act address 1", ""},
	{decode.TypeBACnet, udpClient, unhex("81 0b 000c 01 20 ffff 00 ff 10 08"), "BACnet Original-Broadcast-NPDU Unconfirmed-REQ who-Is",
		"bvlc.length"}, // that of its header,
	{decode.TypeX11, tcpClient, unhex("6c00 0b00 0000 0012 0010 0000" + hex.EncodeToString([]byte("MIT-MAGIC-COOKIE-1")) + "0000" + zeros(16)),
		`X11 connection setup 11.0`, "x11.*"}, // reads the lengths in the other byte order
	{decode.TypeX11, tcpClient, unhex("14 00 0600 01000000 02000000 03000000 00000000 ff000000"), "X11 GetProperty", ""},
	{decode.TypeVNC, tcpServer, text("RFB 003.008\n"), `VNC protocol "003.008"`, ""},
	{decode.TypeVNC, tcpClient, unhex("03 01 0000 0000 0400 0300"), "VNC framebuffer update request", ""},
	{decode.TypeSOCKS, tcpClient, unhex("05 02 00 02"), "SOCKS5 offers no authentication offers user name and password", ""},
	{decode.TypeSOCKS, tcpClient, append(unhex("05 01 00 03 0b"), "example.com\x01\xbb"...), `SOCKS5 connect "example.com" port 443`,
		"socks.*"}, // only behind the negotiation
	{decode.TypeSOCKS, tcpClient, unhex("04 01 0050 c0000205 626f6200"), `SOCKS4 connect port 80 192.0.2.5 user "bob"`, ""},
	{decode.TypeRsync, tcpServer, text("@RSYNCD: 31.0\n"), "rsync: @RSYNCD: 31.0", "rsync.*"}, // the magic as bytes
	{decode.TypeBitTorrent, tcpClient, append([]byte("\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05"), append(unhex(strings.Repeat("ab", 20)), "-TR3000-abcdefghijkl"...)...),
		"BitTorrent handshake, hash abababababababababababababababab...", ""},
	{decode.TypeBitTorrent, tcpClient, unhex("00000005 04 00000007 0000000d 06 00000001 00004000 00004000"), "BitTorrent Have piece 7; Request piece 1", ""},
	{decode.TypeBTDHT, udpClient, text("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"), "BT-DHT query ping", ""},
	{decode.TypeDiameter, tcpClient, unhex("01000044 80000101 00000000 00000001 00000002 00000108 40000010 61 2e 62 2e 63 2e 64 65 00000128 4000000b 6c 6f 63 00 0000010a 4000000c 00000000" + "00000109 40000009 78000000")[:68],
		`Diameter Capabilities-Exchange request from "a.b.c.de"`, ""},
	{decode.TypeDiameter, tcpServer, unhex("01000020 00000118 00000000 00000001 00000002 0000010c 4000000c 000007d1"), "Diameter Device-Watchdog answer DIAMETER_SUCCESS",
		"diameter.*"}, // not without a request,
	{decode.TypeTACACS, tcpClient, unhex("c0 01 01 04 deadbeef 00000004 01020304"), "TACACS+ Authentication seq 1 session 0xdeadbeef",
		"tacplus.majvers"}, // with the bits below it,
	{decode.TypeCoAP, udpClient, unhex("42 01 1234 aabb b4 74657374 03 616263 45 6b3d76 6c6c ff 01"), "CoAP CON GET id 4660 /\"test\" /\"abc\" ?\"k=vll\"", ""},
	{decode.TypeISCSI, tcpClient, append(unhex("43 87 0000 00 00000c 800000000000 0000 00000001 0000 0000 00000001 00000000"+zeros(16)), "TargetName=x"...)[:60],
		`iSCSI Login Command tag 0x1 "TargetName=x"`,
		"iscsi.I iscsi.keyvalue"}, // not of a login, and not without a zero at the end,
	{decode.TypeGELF, udpClient, unhex("1e0f 0102030405060708 00 02 aa"), "GELF chunk of 0102030405060708 number 0 of 2", ""},
	{decode.TypeStatsD, udpClient, text("a.b:1|c\nc.d:320|ms"), "StatsD: a.b:1|c", ""},
	{decode.TypeXMPP, tcpClient, text("<iq type='get' id='a1' to='example.com'><ping xmlns='urn:xmpp:ping'/></iq>"), "XMPP iq",
		"xmpp.*"}, // only behind the stream's start
	{decode.TypeGit, tcpClient, text("0030git-upload-pack /p.git\x00host=git.example.com\x000000"), `git "git-upload-pack /p.git\x00host=git.example.com\x00"; flush`,
		"git.*"}, // shows bytes
	{decode.TypeZabbix, tcpServer, append(unhex("5a425844 01 0d000000 00000000"), `{"request":1}`...), `Zabbix length 13 "{\"request\":1}"`, ""},
	{decode.TypeRTMP, tcpClient, unhex("03 000000 000010 14 00000000 02 0007 636f6e6e656374 00 3ff0000000"), `RTMP AMF0 Command length 16 "connect"`,
		"rtmpt.*"}, // only behind a handshake
	{decode.TypeOpenVPN, udpClient, unhex("38 0102030405060708 00 00000000"), "OpenVPN P_CONTROL_HARD_RESET_CLIENT_V2 session 0x102030405060708", ""},
	{decode.TypeOpenVPN, tcpClient, unhex("000e 38 0102030405060708 00 00000000"), "OpenVPN P_CONTROL_HARD_RESET_CLIENT_V2 session 0x102030405060708", ""},
	{decode.TypeNBDGM, udpClient, unhex("11 02 0007 c0000201 008a 0068 0000 20 " + nbName("FOO", 0) + "00 20" + nbName("GROUP", 0x1e) + "00" +
		"ff534d42 25 00000000 00 0000 0000 0000000000000000 0000 0000 0000 0000 0000 00 0000"),
		`NBT UDP PACKET(138): direct group; from "FOO<00>"; to "GROUP<1e>": SMB PACKET: SMBtrans (REQUEST)`, "nbdgm.source_name nbdgm.destination_name"},
	{decode.TypePPTP, tcpClient, unhex("0010 0001 1a2b3c4d 0005 0000 00000007"), "PPTP Echo-Request", ""},
	{decode.TypeRPKI, tcpClient, unhex("01 01 0007 0000000c 00000009"), "RPKI-RTRv1, Serial Query serial 9", ""},
	{decode.TypeWhois, tcpClient, text("example.com\r\n"), "whois: example.com", ""},
	{decode.TypeFTPData, tcpServer, text("\x00\x01"), "FTP-DATA", ""},
	{decode.TypeTPKT, tcpClient, unhex("0300000b 06 e0 0000 0001 00 0300000b 06 d0 0001 0001 00"), "TPKT: COTP CR; TPKT: COTP CC", ""},
	{decode.TypeSyslog, tcpClient, text("18 <34>1 - a b - - - x"), `SYSLOG auth.critical "1 - a b - - - x"`, "syslog.*"}, // not on this port
	{decode.TypeDCERPC, tcpClient, unhex("05001003 10000000 66004600 01000000 d016d016 00000000" + "0a020000 00000000" +
		"4e544c4d53535000 03000000" + zeros(16) + "0200 0200 40000000 0300 0300 42000000 0100 0100 45000000" + zeros(8) + "00000000" + "4141 626f62 48"),
		`DCE/RPC auth3 call 1, NTLMSSP_AUTH domain "AA" user "bob" host "H"`, "dcerpc.cn_auth_len ntlmssp.* gss*"}, // finds it malformed
	{decode.TypeNBSS, tcpClient, unhex("00000090" + smb2Head("0b00", 0, 0, "00000000") + "3900 0000 17c01100" + zeros(16) + "78000000 18000000 00000000 00000000 00000000 00000000 01000000 00000000" +
		"05000003 10000000 18000000 02000000 00000000 0000 0f00"), "NBT: SMB2 Ioctl request FSCTL_PIPE_TRANSCEIVE request call 2 opnum 15", ""},
}

// nbName gives a NetBIOS name as it is written, 32 letters.
func nbName(name string, kind byte) string {
	b := append([]byte(name), "               "[len(name):]...)
	var out []byte
	for _, c := range append(b, kind) {
		out = append(out, 'A'+c>>4, 'A'+c&15)
	}
	return hex.EncodeToString(out)
}

func zeros(n int) string { return strings.Repeat("00", n) }

func smb2Head(command string, status uint32, flags byte, next string) string {
	return fmt.Sprintf("fe534d42 4000 0000 %08x %s 0100 %02x000000 %s 0500000000000000 fffe0000 01000000 2100000000040000", bits.ReverseBytes32(status), command, flags, next) +
		zeros(16)
}
