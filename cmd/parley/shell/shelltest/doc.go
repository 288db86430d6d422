// Package shelltest drives a program on a pseudo-terminal and reads its screen, for tests: what a person at the keyboard
// would see, whatever way it was painted in.
//
//	emulator.go  a terminal's memory: what control sequences do to it
//	terminal.go  a process on a pseudo-terminal: keys in, screen out
package shelltest
