// Package backup is the file that a cluster is backed up to: the contents of all files that the state names, and the
// state itself, as it was after one entry. It knows nothing of what is in the state.
//
//	a running node ──Writer──► one stream, one file ──Reader──► the directory of the first node of a new cluster
//
// # What it promises
//
// No bit of a file can change unnoticed, and none can be cut off or added: what Reader gives away was checked piece by
// piece, and Next ends with io.EOF only if the whole is what was written, down to its SHA-256, and nothing follows it.
// Any bytes are safe: an error, never a panic, nor more memory than one piece takes.
//
// # What it asks of its caller
//
// That what Reader gave away is used for good only when Next has said io.EOF. Whoever can read a file twice checks all
// of it first.
//
// # Reading order
//
//	format.go   the file, byte by byte
//	writer.go   how it comes to be
//	reader.go   the one path on which bytes come to be believed
package backup
