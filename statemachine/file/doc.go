// Package file has the commands and queries about files: names for contents that lie outside the log, as blobs.
//
//	upload, confirmed by a majority ──▶ pinned for its uploader   (the node's part)
//	Attach ──▶ File, quota, one more name for the blob            (here)
//	Remove ──▶ no File, quota back, one name less; without names and pins the blob is collected
//
// # Reading order
//
//	attach.go  Attach and Remove
//	list.go    Files, FileOf and MayAttach
//	name.go    CleanName, which servers and clients share
package file
