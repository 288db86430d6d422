// Package front is a bare gRPC service before a replicated map, its client, and the ceilings of gRPC itself: an
// echo, and messages to thousands of streams. Messages are protobuf's well-known wrappers, and nothing else
// happens on the way: no interceptor, no deadline, no TLS.
//
//	/peers.Front/Put    BytesValue: a command   → Empty
//	/peers.Front/Get    UInt64Value: a key      → BytesValue
//	/peers.Front/Listen Empty                   → a stream of BytesValue
package front
