//go:build !unix

package process

// clientsMax is 0, which is the server's own bound: no limit of the process is known here.
func clientsMax() (int, error) { return 0, nil }
