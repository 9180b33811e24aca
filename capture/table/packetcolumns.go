package table

import "strings"

// Columns of packets.
const (
	pRun = iota
	pNumber
	pTime
	pTimeBeyond
	pInterface
	pDirection
	pLink
	pLength
	pCaptured
	pSegments
	pDrops
	pComments
	pLayers
	pProtocol
	pStream
	pErrorLayer
	pErrorFault
	pErrorOffset
	pErrorNeed
	pErrorHave
	pErrorReason
	pPID
	pTID
	pEthSrc
	pEthDst
	pEthType
	pVLAN
	pMPLS
	pARPOperation
	pARPSenderHardware
	pARPSender
	pARPTargetHardware
	pARPTarget
	pIP // columns of an IP header from here on
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	pTunnel
	pTunnelID
	pInnerEthSrc
	pInnerEthDst
	pInnerIP
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	_
	pSrcPort
	pDstPort
	pInnerSrcPort
	pInnerDstPort
	pPayloadLength
	pSeq
	pAck
	pFlags
	pWindow
	pUrgent
	pTCPSum
	pMSS
	pScale
	pSACKPermitted
	pSACKLeft
	pSACKRight
	pTSval
	pTSecr
	pUDPLength
	pUDPSum
	pICMPType
	pICMPCode
	pICMPID
	pICMPSeq
	pICMPSum
	pData
	pOwnerHow // columns that came later stand behind: none changes its place
	pOwnerUID
	pOwnerComm
	pReceiverHow
	pReceiverPID
	pReceiverUID
	pReceiverComm
	pEthLength
	pInnerEthType
	pVLANPriority
	pARPSenderBytes
	pARPTargetBytes
	pIPSumNumber
	pInnerIPSumNumber
	pIPPayload
	pInnerIPPayload
	pTCPHeaderLength
	pTCPFlag // nine, from AE to FIN
	_
	_
	_
	_
	_
	_
	_
	_
	pTCPSumNumber
	pUDPSumNumber
	pICMPSumNumber
	pMore
	pHeaders // columns of headers that few packets have, from here on; pMore has these too
)

// Columns of an IP header, from pIP and pInnerIP on.
const (
	ipVersion = iota
	ipSrc
	ipDst
	ipSrcBytes
	ipDstBytes
	ipDSCP
	ipECN
	ipTTL
	ipProtocol
	ipLength
	ipID
	ipDF
	ipMF
	ipFragment
	ipFlow
	ipSum
	numIPColumns
)

// sumText says where the numbers of checksums are. A good one follows from the packet, and one that cannot be verified
// tells nothing without what was cut off; all would make a file a third larger.
const sumText = "the number, but where the status is good or unverified"

// headerColumns are those of headers that few packets have. Each is of the outermost such header.
var headerColumns = []Column{
	{Name: "cooked_packet_type", Kind: U16, JSON: "sll.packet_type, sll2.packet_type", Text: "cooked capture (-i any): 0 to us, 1 broadcast, 2 multicast, 3 to others, 4 from us"},
	{Name: "cooked_source", Kind: Text, JSON: "sll.source, sll2.source", Text: "its hardware address of the sender"},
	{Name: "cooked_protocol", Kind: U16, JSON: "sll.protocol, sll2.protocol", Text: "its EtherType"},
	{Name: "cooked_ifindex", Kind: U32, JSON: "sll2.ifindex", Text: "its number of the interface"},
	{Name: "pppoe_session_id", Kind: U16, JSON: "pppoe.session_id", Text: "PPPoE session"},
	{Name: "ip_fragment_id", Kind: U32, JSON: "ipv6.fraghdr.id", Text: "fragment header of IPv6: identification"},
	{Name: "ip_fragment_place", Kind: U16, JSON: "ipv6.fraghdr.fragment_offset", Text: "place of the fragment in bytes, of IPv6"},
	{Name: "ip_fragment_mf", Kind: Flag, JSON: "ipv6.fraghdr.mf", Text: "more fragments, of IPv6"},
	{Name: "gre_protocol", Kind: U16, JSON: "gre.protocol", Text: "GRE: EtherType of what it carries"},
	{Name: "gre_seq", Kind: U32, JSON: "gre.seq", Text: "its sequence number"},
	{Name: "esp_spi", Kind: U32, JSON: "esp.spi", Text: "ESP: security parameters index"},
	{Name: "ah_spi", Kind: U32, JSON: "ah.spi", Text: "AH: security parameters index"},
	{Name: "sctp_verification_tag", Kind: U32, JSON: "sctp.verification_tag", Text: "SCTP: verification tag"},
	{Name: "igmp_type", Kind: U8, JSON: "igmp.type", Text: "IGMP: type"},
	{Name: "igmp_group", Kind: Text, JSON: "igmp.group", Text: "its group"},
	{Name: "ospf_type", Kind: U8, JSON: "ospf.type", Text: "OSPF: type"},
	{Name: "vrrp_vrid", Kind: U8, JSON: "vrrp.vrid", Text: "VRRP: virtual router"},
}

// headerAt says which column a field of such a header has, by its layer and path in --json.
var headerAt = func() map[string]int {
	at := map[string]int{}
	for i := range headerColumns {
		for name := range strings.SplitSeq(headerColumns[i].JSON, ", ") {
			at[name] = pHeaders + i
		}
	}
	return at
}()

// flagNames are TCP's flags as --json has them, from the highest bit on.
var flagNames = [...]string{"ae", "cwr", "ece", "urg", "ack_flag", "psh", "rst", "syn", "fin"}

func ipColumns(prefix, which string) []Column {
	return []Column{
		ipVersion:  {Name: prefix + "ip_version", Kind: U8, JSON: "ip.version, ipv6.version", Text: "4 or 6, of the " + which + " IP header"},
		ipSrc:      {Name: prefix + "ip_src", Kind: Text, JSON: "ip.src, ipv6.src", Text: "source address"},
		ipDst:      {Name: prefix + "ip_dst", Kind: Text, JSON: "ip.dst, ipv6.dst", Text: "destination address"},
		ipSrcBytes: {Name: prefix + "ip_src_bytes", Kind: Address, Text: "the source for ranges: 16 bytes, IPv4 as ::ffff:a.b.c.d"},
		ipDstBytes: {Name: prefix + "ip_dst_bytes", Kind: Address, Text: "the destination for ranges"},
		ipDSCP:     {Name: prefix + "ip_dscp", Kind: U8, JSON: "ip.dscp, ipv6.dscp", Text: "DSCP"},
		ipECN:      {Name: prefix + "ip_ecn", Kind: U8, JSON: "ip.ecn, ipv6.ecn", Text: "ECN"},
		ipTTL:      {Name: prefix + "ip_ttl", Kind: U8, JSON: "ip.ttl, ipv6.hop_limit", Text: "time to live, hop limit"},
		ipProtocol: {Name: prefix + "ip_protocol", Kind: U8, JSON: "ip.protocol, ipv6.next_header", Text: "the header's own protocol number; of IPv6 that of the next header"},
		ipLength:   {Name: prefix + "ip_total_length", Kind: U16, JSON: "ip.total_length", Text: "total length, of IPv4"},
		ipID:       {Name: prefix + "ip_id", Kind: U16, Rare: true, JSON: "ip.id", Text: "identification, of IPv4"},
		ipDF:       {Name: prefix + "ip_df", Kind: Flag, JSON: "ip.df", Text: "don't fragment, of IPv4"},
		ipMF:       {Name: prefix + "ip_mf", Kind: Flag, JSON: "ip.mf", Text: "more fragments, of IPv4"},
		ipFragment: {Name: prefix + "ip_fragment_offset", Kind: U16, JSON: "ip.fragment_offset", Text: "place of the fragment in bytes, of IPv4"},
		ipFlow:     {Name: prefix + "ip_flow_label", Kind: U32, JSON: "ipv6.flow_label", Text: "flow label, of IPv6"},
		ipSum:      {Name: prefix + "ip_checksum_status", Kind: Text, JSON: "ip.checksum_status", Text: "good, bad, unverified or offloaded, of IPv4"},
	}
}

// Packets is the schema of packets.
var Packets = newSchema("packets", "A row for each packet, as it was captured. Columns without a prefix are of the outermost header; "+
	"inner_ are those of the innermost one, where a tunnel has one. Those that an ICMP error quotes are in the table icmp.", packetColumns())

func packetColumns() []Column {
	c := []Column{
		pRun:               {Name: "run", Kind: Text, Full: true, Text: "which pktview wrote it: host and a random number. Number and stream are of one run"},
		pNumber:            {Name: "number", Kind: U64, Full: true, Rare: true, JSON: "number", Text: "counted from 1"},
		pTime:              {Name: "time", Kind: Time, Rare: true, JSON: "time", Text: "when it was captured; null where the source does not say, or the time is beyond the years 1677 to 2262"},
		pTimeBeyond:        {Name: "time_beyond", Kind: Text, JSON: "time", Text: "a time beyond these years, as text"},
		pInterface:         {Name: "interface", Kind: I32, Full: true, JSON: "interface", Text: "index among those of the capture"},
		pDirection:         {Name: "direction", Kind: Text, JSON: "direction", Text: "in or out, where it is known"},
		pLink:              {Name: "link", Kind: Text, Full: true, JSON: "link", Text: "link type"},
		pLength:            {Name: "length", Kind: U32, Full: true, JSON: "length", Text: "bytes on the wire"},
		pCaptured:          {Name: "captured", Kind: U32, Full: true, JSON: "captured", Text: "bytes in the capture"},
		pSegments:          {Name: "segments", Kind: U32, Full: true, JSON: "segments", Text: "packets on the wire that it stands for (segment offload); 0: not known how many"},
		pDrops:             {Name: "drops", Kind: U64, Full: true, JSON: "drops", Text: "packets that the capture lost before it"},
		pComments:          {Name: "comments", Kind: Text, List: true, JSON: "comments", Text: "comments of the file, and of --owner and --drops"},
		pLayers:            {Name: "layers", Kind: Text, Full: true, JSON: "layers.layer", Text: "all layers from the outermost on, with colons between, such as eth:ip:tcp"},
		pProtocol:          {Name: "protocol", Kind: Text, JSON: "layers.layer", Text: "the innermost layer that is known"},
		pStream:            {Name: "stream", Kind: U32, JSON: "stream", Text: "the TCP stream, where streams are followed (--tables)"},
		pErrorLayer:        {Name: "error_layer", Kind: Text, JSON: "error.layer", Text: "where decoding stopped"},
		pErrorFault:        {Name: "error_fault", Kind: Text, JSON: "error.fault", Text: "why"},
		pErrorOffset:       {Name: "error_offset", Kind: U32, JSON: "error.offset", Text: "byte of the packet"},
		pErrorNeed:         {Name: "error_need", Kind: U32, JSON: "error.need", Text: "bytes that the layer needs"},
		pErrorHave:         {Name: "error_have", Kind: I32, JSON: "error.have", Text: "bytes that there are"},
		pErrorReason:       {Name: "error_reason", Kind: Text, JSON: "error.reason", Text: "what is wrong"},
		pPID:               {Name: "owner_pid", Kind: U32, JSON: "owners.pid", Text: "process that sent it, where that is known (--owner)"},
		pTID:               {Name: "owner_tid", Kind: U32, JSON: "owners.tid", Text: "its thread"},
		pEthSrc:            {Name: "eth_src", Kind: Text, JSON: "eth.src", Text: "outermost Ethernet header: source"},
		pEthDst:            {Name: "eth_dst", Kind: Text, JSON: "eth.dst", Text: "destination"},
		pEthType:           {Name: "eth_type", Kind: U16, JSON: "eth.type", Text: "EtherType; null where it is a length"},
		pVLAN:              {Name: "vlan_id", Kind: U16, List: true, JSON: "vlan.id", Text: "VLAN ids, outermost first"},
		pMPLS:              {Name: "mpls_label", Kind: U32, List: true, JSON: "mpls.label", Text: "MPLS labels, outermost first"},
		pARPOperation:      {Name: "arp_operation", Kind: U16, JSON: "arp.operation", Text: "1 request, 2 reply"},
		pARPSenderHardware: {Name: "arp_sender_hardware", Kind: Text, JSON: "arp.sender_hardware", Text: "of Ethernet and IPv4"},
		pARPSender:         {Name: "arp_sender_protocol", Kind: Text, JSON: "arp.sender_protocol", Text: "of Ethernet and IPv4"},
		pARPTargetHardware: {Name: "arp_target_hardware", Kind: Text, JSON: "arp.target_hardware", Text: "of Ethernet and IPv4"},
		pARPTarget:         {Name: "arp_target_protocol", Kind: Text, JSON: "arp.target_protocol", Text: "of Ethernet and IPv4"},
		pTunnel:            {Name: "tunnel", Kind: Text, JSON: "layers.layer", Text: "the innermost of gre, vxlan and geneve"},
		pTunnelID:          {Name: "tunnel_id", Kind: U32, JSON: "vxlan.vni, geneve.vni, gre.key", Text: "its network id or key"},
		pInnerEthSrc:       {Name: "inner_eth_src", Kind: Text, JSON: "eth.src", Text: "innermost Ethernet header, where there are two"},
		pInnerEthDst:       {Name: "inner_eth_dst", Kind: Text, JSON: "eth.dst", Text: "its destination"},
		pSrcPort:           {Name: "src_port", Kind: U16, JSON: "tcp.src_port, udp.src_port, …", Text: "outermost TCP, UDP, UDP-Lite, SCTP or DCCP header: source port"},
		pDstPort:           {Name: "dst_port", Kind: U16, JSON: "tcp.dst_port, udp.dst_port, …", Text: "destination port"},
		pInnerSrcPort:      {Name: "inner_src_port", Kind: U16, JSON: "tcp.src_port, udp.src_port, …", Text: "innermost such header, where there are two"},
		pInnerDstPort:      {Name: "inner_dst_port", Kind: U16, JSON: "tcp.dst_port, udp.dst_port, …", Text: "its destination port"},
		pPayloadLength:     {Name: "payload_length", Kind: U32, JSON: "length - header_length", Text: "bytes that the innermost such header carries on the wire"},
		pSeq:               {Name: "tcp_seq", Kind: U32, Rare: true, JSON: "tcp.seq", Text: "innermost TCP header: sequence number"},
		pAck:               {Name: "tcp_ack", Kind: U32, Rare: true, JSON: "tcp.ack", Text: "acknowledgment number"},
		pFlags:             {Name: "tcp_flags", Kind: U16, JSON: "tcp.flags", Text: "FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256"},
		pWindow:            {Name: "tcp_window", Kind: U16, JSON: "tcp.window", Text: "window, unscaled"},
		pUrgent:            {Name: "tcp_urgent_pointer", Kind: U16, JSON: "tcp.urgent_pointer", Text: "urgent pointer"},
		pTCPSum:            {Name: "tcp_checksum_status", Kind: Text, JSON: "tcp.checksum_status", Text: "good, bad, unverified or offloaded"},
		pMSS:               {Name: "tcp_mss", Kind: U16, JSON: "tcp.options.mss", Text: "option: maximum segment size"},
		pScale:             {Name: "tcp_window_scale", Kind: U8, JSON: "tcp.options.shift", Text: "option: window scale"},
		pSACKPermitted:     {Name: "tcp_sack_permitted", Kind: Flag, JSON: "tcp.options.kind", Text: "option: true where it is there, null else"},
		pSACKLeft:          {Name: "tcp_sack_left", Kind: U32, List: true, Rare: true, JSON: "tcp.options.blocks.left", Text: "option: left edges of SACK blocks"},
		pSACKRight:         {Name: "tcp_sack_right", Kind: U32, List: true, Rare: true, JSON: "tcp.options.blocks.right", Text: "their right edges"},
		pTSval:             {Name: "tcp_tsval", Kind: U32, JSON: "tcp.options.tsval", Text: "option: timestamp"},
		pTSecr:             {Name: "tcp_tsecr", Kind: U32, JSON: "tcp.options.tsecr", Text: "option: echoed timestamp"},
		pUDPLength:         {Name: "udp_length", Kind: U16, JSON: "udp.length", Text: "outermost UDP header: its length"},
		pUDPSum:            {Name: "udp_checksum_status", Kind: Text, JSON: "udp.checksum_status", Text: "good, bad, unverified, offloaded or zero"},
		pICMPType:          {Name: "icmp_type", Kind: U8, JSON: "icmp.type, icmpv6.type", Text: "innermost ICMP header: type"},
		pICMPCode:          {Name: "icmp_code", Kind: U8, JSON: "icmp.code, icmpv6.code", Text: "code"},
		pICMPID:            {Name: "icmp_id", Kind: U16, JSON: "icmp.id, icmpv6.id", Text: "identifier of an echo"},
		pICMPSeq:           {Name: "icmp_seq", Kind: U16, JSON: "icmp.seq, icmpv6.seq", Text: "sequence number of an echo"},
		pICMPSum:           {Name: "icmp_checksum_status", Kind: Text, JSON: "icmp.checksum_status, icmpv6.checksum_status", Text: "good, bad or unverified"},
		pData:              {Name: "data", Kind: Bytes, Rare: true, Text: "the captured bytes, with --with-data"},
		pOwnerHow:          {Name: "owner_how", Kind: Text, JSON: "owners.how", Text: "how the sender is known: exact or inferred"},
		pOwnerUID:          {Name: "owner_uid", Kind: U32, JSON: "owners.uid", Text: "its effective user"},
		pOwnerComm:         {Name: "owner_comm", Kind: Text, JSON: "owners.comm", Text: "its name"},
		pReceiverHow:       {Name: "receiver_how", Kind: Text, JSON: "owners.how", Text: "the first process that got it (--owner); comments has all: how it is known"},
		pReceiverPID:       {Name: "receiver_pid", Kind: U32, JSON: "owners.pid", Text: "its number; 0 is the kernel"},
		pReceiverUID:       {Name: "receiver_uid", Kind: U32, JSON: "owners.uid", Text: "its effective user"},
		pReceiverComm:      {Name: "receiver_comm", Kind: Text, JSON: "owners.comm", Text: "its name"},
		pEthLength:         {Name: "eth_len", Kind: U16, JSON: "eth.len", Text: "outermost Ethernet header: length, where it is no type"},
		pInnerEthType:      {Name: "inner_eth_type", Kind: U16, JSON: "eth.type", Text: "innermost Ethernet header, where there are two: EtherType"},
		pVLANPriority:      {Name: "vlan_priority", Kind: U8, List: true, JSON: "vlan.priority", Text: "priorities of the VLAN tags, outermost first"},
		pARPSenderBytes:    {Name: "arp_sender_protocol_bytes", Kind: Address, Text: "the sender for ranges"},
		pARPTargetBytes:    {Name: "arp_target_protocol_bytes", Kind: Address, Text: "the target for ranges"},
		pIPSumNumber:       {Name: "ip_checksum", Kind: U16, Rare: true, JSON: "ip.checksum", Text: sumText},
		pInnerIPSumNumber:  {Name: "inner_ip_checksum", Kind: U16, Rare: true, JSON: "ip.checksum", Text: sumText},
		pIPPayload:         {Name: "ip_payload_length", Kind: U16, JSON: "ipv6.payload_length", Text: "outermost IP header: bytes behind it, of IPv6"},
		pInnerIPPayload:    {Name: "inner_ip_payload_length", Kind: U16, JSON: "ipv6.payload_length", Text: "innermost IP header: bytes behind it, of IPv6"},
		pTCPHeaderLength:   {Name: "tcp_header_length", Kind: U8, JSON: "tcp.header_length", Text: "bytes of the header"},
		pTCPSumNumber:      {Name: "tcp_checksum", Kind: U16, Rare: true, JSON: "tcp.checksum", Text: sumText},
		pUDPSumNumber:      {Name: "udp_checksum", Kind: U16, Rare: true, JSON: "udp.checksum", Text: sumText},
		pICMPSumNumber:     {Name: "icmp_checksum", Kind: U16, Rare: true, JSON: "icmp.checksum, icmpv6.checksum", Text: sumText},
		pMore:              {Name: "more", Kind: Text, List: true, JSON: "layers", Text: "fields of headers that have no column, or came to one later, as layer.field=value, with the names of --json"},
	}
	c = append(c, headerColumns...)
	for i, name := range flagNames {
		c[pTCPFlag+i] = Column{Name: "tcp_" + name, Kind: Flag, Full: true, Seldom: true, JSON: "tcp." + name, Text: "the flag is set; false where there is no TCP"}
	}
	copy(c[pIP:], ipColumns("", "outermost"))
	copy(c[pInnerIP:], ipColumns("inner_", "innermost"))
	return c
}
