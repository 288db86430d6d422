// Package lock has the commands and queries about locks: of free names, and of documents by their ids.
//
//	Acquire ──▶ granted, with a fence; or in line, with a ticket; or neither
//	                │                      │
//	     Renew, Release, Break             Cancel
//
// What a lock is, how the line moves on, and how log time ends both stands in package state: a login that ends
// releases its locks, whatever ended it.
//
// # Reading order
//
//	acquire.go  Acquire, and what answers all commands
//	release.go  Renew, Release, Break and Cancel
//	list.go     Get and List
package lock
