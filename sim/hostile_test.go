package sim

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestHostileLinks(t *testing.T) {
	last, _ := strconv.ParseUint(os.Getenv("LAST"), 10, 64)
	for name, faults := range map[string][]Fault{
		"past":  {{Kind: Substitute, Rate: 100, For: 30 * time.Second}},
		"past2": {{Kind: Substitute, Rate: 400, For: 30 * time.Second}},
		"bits":  {{Kind: Corrupt, Rate: 100, Bits: 3, For: 30 * time.Second}},
		"flap":  {{Kind: Flap, Node: NodeLeader, Period: 700 * time.Millisecond, For: 30 * time.Second}, {Kind: Flap, From: 1, To: 2, Period: 33 * time.Millisecond, For: 30 * time.Second}},
		"clogs": nil,
		"narrow": {{Kind: Capacity, Packets: 1, For: 30 * time.Second}},
	} {
		if only := os.Getenv("ONLY"); only != "" && only != name {
			continue
		}
		forEachSeed(20001, 20000+last, func(seed uint64) *Result {
			p := Generate(seed, 20*time.Second)
			if name == "clogs" {
				g := &generator{chance: chance{seed}, plan: p}
				s := g.stream(999)
				for at := time.Second; at < g.lastTrouble(); at += 1500 * time.Millisecond {
					for _, f := range g.swizzle(&s) {
						f.At += at
						if f.At < g.lastTrouble() {
							p.Faults = append(p.Faults, f)
						}
					}
				}
			}
			p.Faults = append(p.Faults, faults...)
			p.Bulk.Delay = 3 * time.Millisecond
			return Run(p, Options{})
		}, func(r *Result) {
			if r.Violation != nil {
				fmt.Printf("%s %s\n%s\n%s\n", name, r, r.Violation.Reason, r.Violation.Report)
			}
		})
	}
}
