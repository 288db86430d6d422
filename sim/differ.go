package sim

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
)

// Differ runs two plans that should run alike and tells where they part: the first
// checkpoint that differs, and within it the first event whose lines differ. The
// lines before it are given for context.
func Differ(a, b *Plan, oa, ob Options) string {
	first, second := Run(a, oa), Run(b, ob)
	at := firstDifference(first.Checkpoints, second.Checkpoints)
	if at < 0 {
		return "no difference when run again: the difference itself is not deterministic\n"
	}
	from := uint64(at)*checkpointEvents + 1
	var left, right bytes.Buffer
	oa.Trace, oa.From, oa.To = &left, from, from+checkpointEvents-1
	ob.Trace, ob.From, ob.To = &right, from, from+checkpointEvents-1
	Run(a, oa)
	Run(b, ob)
	var out strings.Builder
	fmt.Fprintf(&out, "checkpoint %d (events %d to %d) is the first that differs\n", at+1, from, from+checkpointEvents-1)
	describeDifference(&out, strings.Split(left.String(), "\n"), strings.Split(right.String(), "\n"))
	return out.String()
}

// firstDifference returns the place of the first checkpoint that differs, or -1.
func firstDifference(a, b [][sha256.Size]byte) int {
	for i := 0; i < len(a) || i < len(b); i++ {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

func describeDifference(out *strings.Builder, left, right []string) {
	for i := 0; i < len(left) && i < len(right); i++ {
		if left[i] == right[i] {
			continue
		}
		for _, line := range left[max(0, i-3):i] {
			fmt.Fprintf(out, "   %s\n", line)
		}
		fmt.Fprintf(out, "1: %s\n2: %s\n", left[i], right[i])
		return
	}
	out.WriteString("the lines are the same: what differs is in the events' records only\n")
}
