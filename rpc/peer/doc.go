// Package peer carries Raft messages between processes: host.Transport over framed TCP, with
// or without TLS, or over gRPC streams.
//
// Every node dials every other and sends on the streams that it opened; answers
// travel on those that the other one opened. So a connection has one writer
// and one reader, and a node that can send but not receive is noticed by both.
//
//	node 1                                          node 2
//	  link to 2, protocol ----- hello, frames ------->  serve 1
//	                      <---- hello ---------------
//	  link to 2, bulk     ····· hello, frames ·······>  serve 1
//	                      <···· hello ···············
//	  serve 2             <---- hello, frames --------  link to 1, protocol
//	                      ----- hello --------------->
//
// Each way has two lanes (host.Lane) of one TCP connection each. The protocol's is always
// up. The bulk lane, for the pieces of snapshots and blobs, is dialled when there is something to
// send and hangs up when it has been idle (bulk.go); what it loses is asked for again and
// not told to the protocol. Neither waits for the other anywhere: each has its queue,
// its goroutine, its window, and at the receiver a goroutine and a budget of its own.
//
// What a lane is made of is its wire (wire.go): a connection of its own (tcp.go, tcpline.go, tcpread.go), or a gRPC stream on a
// connection of its own (grpc.go, serve.go). Everything above is common to both. All nodes of a cluster use the same.
//
// A stream begins with a hello in each direction (hello.go): protocol version, lane,
// cluster, and who each end takes both ends to be. What does not fit, or is not whom the TLS handshake showed (security.go), is
// refused with a sentence that the other end logs. Behind it come frames
// (frame.go), each with all messages that were queued when it was made: the
// busier the link, the larger its frames. Each message in it has checksums for itself and for its length.
//
// Bytes that are no frame, a message under another name than that of the hello, for
// another cluster, or on the other lane than its own, close the stream with one line in
// the log and harm nothing. Of all streams that one node opened on one lane the newest
// is read (turns.go).
//
// Memory that messages were read into is never used again while a payload of theirs aliases it, and so never pooled: the
// log keeps payloads for as long as its entries.
package peer
