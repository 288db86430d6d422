//go:build !linux

package process

// LowerPriority has this process give way to others, where the system has a way that is known here.
func LowerPriority() {}
