package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeKafka, "Kafka", kafkaFields)

var (
	fKafkaLength  = decode.Define("kafka.len", "Length", decode.KindUint).As("length").At(0, 4)
	fKafkaAPI     = decode.Define("kafka.api_key", "API key", decode.KindUint).At(4, 2).Means(kafkaAPI).InLine(" ")
	fKafkaVersion = decode.Define("kafka.api_version", "API version", decode.KindUint).At(6, 2).InLine(" v")
	fKafkaID      = decode.Define("kafka.correlation_id", "Correlation ID", decode.KindUint).InLine(" id ")
	fKafkaClient  = decode.Define("kafka.client_id", "Client ID", decode.KindText).InLine(" client ")
)

// kafkaFields describes the header of a request; a response has only its length and the ID of the request.
func kafkaFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fKafkaLength)
	if !kafkaRequest(data) {
		w.Uint(fKafkaID, 4, 4)
		return
	}
	w.Add(0, fKafkaAPI, fKafkaVersion)
	w.Uint(fKafkaID, 8, 4)
	if n := int(binary.BigEndian.Uint16(data[12:])); n < 0x8000 {
		w.Bytes(fKafkaClient, 14, n)
	}
}

// kafkaRequest tells a request by a known key and version, and the text that has to follow.
func kafkaRequest(data []byte) bool {
	if len(data) < 14 || kafkaAPI(uint64(binary.BigEndian.Uint16(data[4:]))) == "" || data[6] != 0 || data[7] > 20 {
		return false
	}
	n := int(binary.BigEndian.Uint16(data[12:]))
	if n == 0xffff {
		return true
	}
	if n > 256 || 14+n > len(data) {
		return false
	}
	for _, c := range data[14 : 14+n] {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return n > 0 || data[8] == 0
}

var kafkaAPI = decode.Names{
	0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 4: "LeaderAndIsr", 5: "StopReplica", 6: "UpdateMetadata", 7: "ControlledShutdown",
	8: "OffsetCommit", 9: "OffsetFetch", 10: "FindCoordinator", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup",
	15: "DescribeGroups", 16: "ListGroups", 17: "SaslHandshake", 18: "ApiVersions", 19: "CreateTopics", 20: "DeleteTopics", 21: "DeleteRecords",
	22: "InitProducerId", 23: "OffsetForLeaderEpoch", 24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn", 26: "EndTxn", 27: "WriteTxnMarkers",
	28: "TxnOffsetCommit", 29: "DescribeAcls", 30: "CreateAcls", 31: "DeleteAcls", 32: "DescribeConfigs", 33: "AlterConfigs",
	34: "AlterReplicaLogDirs", 35: "DescribeLogDirs", 36: "SaslAuthenticate", 37: "CreatePartitions", 38: "CreateDelegationToken",
	39: "RenewDelegationToken", 40: "ExpireDelegationToken", 41: "DescribeDelegationToken", 42: "DeleteGroups", 43: "ElectLeaders",
	44: "IncrementalAlterConfigs", 45: "AlterPartitionReassignments", 46: "ListPartitionReassignments", 47: "OffsetDelete",
	48: "DescribeClientQuotas", 49: "AlterClientQuotas", 50: "DescribeUserScramCredentials", 51: "AlterUserScramCredentials", 56: "AlterIsr",
	57: "UpdateFeatures", 60: "DescribeCluster", 61: "DescribeProducers", 65: "DescribeTransactions", 66: "ListTransactions",
	67: "AllocateProducerIds", 68: "ConsumerGroupHeartbeat",
}.Of
