package server

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// idle reports whether more than half of the machine's processors had nothing to do in the last minute. What can't be known is taken
// for so.
func idle() bool {
	b, err := os.ReadFile("/proc/loadavg") // Linux
	if err != nil {
		return true
	}
	return idleAt(string(b), runtime.NumCPU())
}

func idleAt(loads string, processors int) bool {
	word, _, _ := strings.Cut(loads, " ")
	load, err := strconv.ParseFloat(word, 64)
	return err != nil || load < float64(processors)/2
}
