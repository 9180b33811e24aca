package table

// Columns that all messages have, and messages of streams besides.
const (
	mRun = iota
	mNumber
	mTime
	mStream
	mSrc
	mSrcBytes
	mDst
	mDstBytes
	mSrcPort
	mDstPort
	mPart
	mStreamOffset
	mMessageLength
	mMissing
	mPackets
	mPacketCount
	numMessageColumns
)

func messageColumns() []Column {
	return []Column{
		mRun:           {Name: "run", Kind: Text, Full: true, Text: "which pktview wrote it"},
		mNumber:        {Name: "number", Kind: U64, Full: true, Rare: true, Text: "the packet that completes it"},
		mTime:          {Name: "time", Kind: Time, Rare: true, Text: "when that was captured"},
		mStream:        {Name: "stream", Kind: U32, Text: "the TCP stream; null for datagrams"},
		mSrc:           {Name: "ip_src", Kind: Text, Text: "who sent it, innermost IP header"},
		mSrcBytes:      {Name: "ip_src_bytes", Kind: Address, Text: "for ranges"},
		mDst:           {Name: "ip_dst", Kind: Text, Text: "to whom"},
		mDstBytes:      {Name: "ip_dst_bytes", Kind: Address, Text: "for ranges"},
		mSrcPort:       {Name: "src_port", Kind: U16, Text: "source port"},
		mDstPort:       {Name: "dst_port", Kind: U16, Text: "destination port"},
		mPart:          {Name: "part", Kind: Text, Text: "begins and ends, of HTTP with a body: two rows, the second without fields"},
		mStreamOffset:  {Name: "stream_offset", Kind: I64, Text: "where it starts in the bytes of its direction"},
		mMessageLength: {Name: "message_length", Kind: I64, Text: "how long it is up to here"},
		mMissing:       {Name: "missing", Kind: I64, Text: "bytes of it that were not captured"},
		mPackets:       {Name: "packets", Kind: U64, List: true, Rare: true, Text: "the first 64 packets that it came in"},
		mPacketCount:   {Name: "packet_count", Kind: U32, Text: "in how many it came"},
	}
}

// records are the groups of DNS that hold resource records.
var records = []string{"answers", "authorities", "additionals"}

func dnsColumns() []Column {
	c := messageColumns()
	c = fieldColumns(c, "dns", "", []string{"dns.length", "dns.id", "dns.flags.", "dns.count."}, nil)
	c = fieldColumns(c, "dns", "questions", []string{"dns.qry."}, nil)
	for _, group := range records {
		c = fieldColumns(c, "dns", group, []string{"dns."}, []string{"dns.length", "dns.id", "dns.flags.", "dns.count.", "dns.qry."})
	}
	return c
}

func tlsColumns() []Column {
	c := messageColumns()
	certificate := []string{"tls.handshake.certificate_length", "tls.certificate."}
	c = fieldColumns(c, "tls", "records", []string{"tls.record.", "tls.handshake.", "tls.alert_message."}, certificate)
	c = fieldColumns(c, "tls", "records.certificates", certificate, nil)
	c = fieldColumns(c, "tls", "records.messages", []string{"tls.handshake."}, certificate)
	return fieldColumns(c, "tls", "records.messages.certificates", certificate, nil)
}

func icmpColumns() []Column {
	c := messageColumns()[:mDstBytes+1]
	c[mNumber].Text, c[mSrc].Text = "the packet", "who sent it, IP header around it"
	c[mStream] = Column{Name: "six", Kind: Flag, Full: true, Text: "ICMPv6"}
	nested := []string{"icmp.ext.", "icmp.mpls.", "icmpv6.ext.", "icmpv6.opt.", "icmpv6.mldr.mar.", "icmp.int_", "icmpv6.mldr.mar"}
	c = fieldColumns(c, "icmp", "", []string{"icmp.", "icmpv6."}, nested)
	c = fieldColumns(c, "icmp", "options", []string{"icmpv6.opt."}, nil)
	c = fieldColumns(c, "icmp", "records", []string{"icmpv6.mldr.mar."}, nil)
	return append(c,
		Column{Name: "mpls_label", Kind: U64, List: true, JSON: "icmp.objects.mpls.label", Text: "labels of the extension structure (RFC 4950)"},
		Column{Name: "quoted_ip_src", Kind: Text, Text: "the packet that an error is about: its source"},
		Column{Name: "quoted_ip_src_bytes", Kind: Address, Text: "for ranges"},
		Column{Name: "quoted_ip_dst", Kind: Text, Text: "its destination"},
		Column{Name: "quoted_ip_dst_bytes", Kind: Address, Text: "for ranges"},
		Column{Name: "quoted_protocol", Kind: U8, Text: "its protocol"},
		Column{Name: "quoted_src_port", Kind: U16, Text: "its source port"},
		Column{Name: "quoted_dst_port", Kind: U16, Text: "its destination port"},
	)
}

func httpColumns() []Column {
	return fieldColumns(messageColumns(), "http", "", []string{"http."}, nil)
}

// Schemas of messages.
var (
	DNS  = newSchema("dns", "A row for each DNS message, of datagrams and of streams. Lists hold what the records have, in their order; a record without has no place in them.", dnsColumns())
	HTTP = newSchema("http", "A row for each request and response; with a body, another where that ends.", httpColumns())
	TLS  = newSchema("tls", "A row for each record of TLS with its handshake messages.", tlsColumns())
	ICMP = newSchema("icmp", "A row for each ICMP header that is not quoted, of both versions.", icmpColumns())
)
