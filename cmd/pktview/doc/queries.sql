-- Ten queries that people ask, for the tables that pktview --tables lake writes, in DuckDB:
--
--     pktview -r trace.pcap --tables lake
--     duckdb -c "$(sed -n '/^-- 1\./,/;/p' queries.sql)"
--
-- Each begins with a line of its number and name. hive_partitioning makes columns of date=… and hour=…: a condition on
-- them leaves out the files of other hours. Joins are by run too, where several captures are in one directory.

-- 1. Top talkers
select host, sum(packets)::bigint as packets, sum(bytes)::bigint as bytes
from (
	select a as host, packets_a_to_b as packets, bytes_a_to_b as bytes from read_parquet('lake/flows/**/*.parquet')
	union all
	select b, packets_b_to_a, bytes_b_to_a from read_parquet('lake/flows/**/*.parquet')
)
group by host order by bytes desc, host limit 20;

-- 2. Conversations by bytes
select protocol, a, a_port, b, b_port, packets_a_to_b + packets_b_to_a as packets, bytes_a_to_b + bytes_b_to_a as bytes, community_id
from read_parquet('lake/flows/**/*.parquet')
order by bytes desc, run, flow limit 20;

-- 3. Retransmissions per peer
select server, count(*) as streams, sum(from_client_verdicts_retransmission + from_server_verdicts_retransmission)::bigint as again,
	sum(from_client_again_bytes + from_server_again_bytes)::bigint as again_bytes
from read_parquet('lake/streams/**/*.parquet')
group by server order by again desc, server limit 20;

-- 4. Slow DNS
select q.time, q.questions_name[1] as name, q.ip_dst as server, epoch_ns(a.time) - epoch_ns(q.time) as duration_ns
from read_parquet('lake/dns/**/*.parquet') q join read_parquet('lake/dns/**/*.parquet') a
	on q.run = a.run and q.id = a.id and q.ip_src = a.ip_dst and q.ip_dst = a.ip_src and q.src_port = a.dst_port and q.dst_port = a.src_port
where not q.response and a.response and a.time >= q.time and epoch_ns(a.time) - epoch_ns(q.time) < 10000000000
order by duration_ns desc, q.number limit 20;

-- 5. Ports scanned: who asks many ports of a host without getting an answer
select ip_src, ip_dst, count(distinct dst_port) as ports
from read_parquet('lake/packets/**/*.parquet')
where tcp_flags & 18 = 2
group by ip_src, ip_dst having ports >= 10 order by ports desc, ip_src, ip_dst;

-- 6. Certificates, and until when they hold
select distinct records_certificates_subject[1] as subject, records_certificates_issuer[1] as issuer, records_certificates_not_after[1] as not_after, ip_src as web
from read_parquet('lake/tls/**/*.parquet')
where len(records_certificates_subject) > 0
order by not_after, subject, web;

-- 7. Loss by hour: what the capture itself lost
select date_trunc('hour', time) as during, sum(drops)::bigint as lost
from read_parquet('lake/drops/**/*.parquet')
where drops is not null
group by during order by during;

-- 8. Answers of web servers by status
select ip_src as web, status, count(*) as answers
from read_parquet('lake/http/**/*.parquet')
where status is not null
group by web, status order by answers desc, web, status;

-- 9. Who is told that it cannot get there: ICMP errors by what they are about
select six, type, code, quoted_ip_dst as about, quoted_protocol as of_protocol, count(*) as errors
from read_parquet('lake/icmp/**/*.parquet')
where quoted_ip_dst is not null
group by six, type, code, about, of_protocol order by errors desc, six, type, code, about, of_protocol;

-- 10. Packets from a network, by protocol, in one hour only
select protocol, count(*) as packets, sum(length)::bigint as bytes
from read_parquet('lake/packets/**/*.parquet', hive_partitioning = true)
where date = '2026-01-02' and hour = '03'
	and ip_src_bytes between '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xFF\xFF\xC0\x00\x02\x00'::blob and '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xFF\xFF\xC0\x00\x02\xFF'::blob
group by protocol order by packets desc, protocol;
