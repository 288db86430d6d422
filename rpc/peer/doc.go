// Package peer carries Raft messages between processes: host.Transport over gRPC
// streams.
//
// Every node dials every other and sends on the stream that it opened; answers
// travel on the stream that the other one opened. So a connection has one writer
// and one reader, and a node that can send but not receive is noticed by both.
//
//	node 1                                  node 2
//	  link to 2 ----- hello, frames ------->  serve 1
//	            <---- hello ---------------
//	  serve 2   <---- hello, frames --------  link to 1
//	            ----- hello --------------->
//
// A stream begins with a hello in each direction (hello.go): protocol version,
// cluster, and who each end takes both ends to be. What does not fit is
// refused with a sentence that the other end logs. Behind it come frames
// (frame.go), each with all messages that were queued when it was made: the
// busier the link, the larger its frames.
//
// Bytes that are no frame, a message under another name than that of the hello, or for
// another cluster, close the stream with one line in the log and harm nothing.
//
// gRPC moves bytes here and nothing else: the codec passes them through, and the
// messages are encoded by package raft. A frame is copied once on arrival, out
// of gRPC's buffers; the payloads of its entries alias that copy, which
// therefore is never pooled.
package peer
