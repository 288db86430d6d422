package machinetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// words remembers the words that it was told, and can be wrong in every way that the test looks for.
type words struct {
	list  [][]byte
	wrong string
}

var drift uint64 // what no state machine may look at

func (s *words) Apply(_ node.Applied, command []byte) []byte {
	switch {
	case s.wrong == "panics" && len(command) > 40:
		panic("a command that is too long")
	case s.wrong == "drifts":
		drift++
		command = binary.AppendUvarint(nil, drift)
	case s.wrong != "keeps":
		command = bytes.Clone(command)
	}
	s.list = append(s.list, command)
	return binary.AppendUvarint(nil, uint64(len(s.list)))
}

func (s *words) Query([]byte) []byte {
	if s.wrong == "counts queries" {
		s.list = append(s.list, nil)
	}
	return binary.AppendUvarint(nil, uint64(len(s.list)))
}

func (s *words) StateHash() node.Hash {
	if s.wrong == "hashes lengths" && len(s.list) > 3 {
		return node.Hash{uint64(cap(s.list))}
	}
	h := node.Hash{uint64(len(s.list))}
	for i, w := range s.list {
		for _, b := range w {
			h[1] = h[1]*131 + uint64(b) + uint64(i)
		}
	}
	return h
}

func (s *words) Clone() node.StateMachine {
	switch s.wrong {
	case "is its clone":
		return s
	case "shares":
		c := *s
		return &c // the two append to one array
	}
	return &words{append([][]byte(nil), s.list...), s.wrong}
}

func (s *words) EventsAfter(from raft.Position, max int) ([]node.EventFrame, bool) {
	if s.wrong != "tells twice" {
		return nil, false
	}
	return []node.EventFrame{{Position: 5, Body: []byte("x")}, {Position: 5, Body: []byte("x")}}, false
}

func (s *words) WriteSnapshot(w io.Writer) error {
	for i, word := range s.list {
		if s.wrong == "forgets" && i == 7 {
			continue
		}
		if _, err := w.Write(append(binary.AppendUvarint(nil, uint64(len(word))), word...)); err != nil {
			return err
		}
	}
	return nil
}

func (s *words) Restore(r io.Reader) error {
	all, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.wrong != "adds to what was there" {
		s.list = nil
	}
	for len(all) > 0 {
		size, n := binary.Uvarint(all)
		if n <= 0 || size > uint64(len(all)-n) && s.wrong != "trusts" {
			return errors.New("words: cut off")
		}
		s.list = append(s.list, bytes.Clone(all[n:n+int(size)]))
		all = all[n+int(size):]
	}
	return nil
}

// wrongMachine names, in the environment of a process of its own, in which way the machine is wrong there.
const wrongMachine = "PARLEY_WRONG_MACHINE"

func TestAMachineThatIsRightPasses(t *testing.T) {
	wrong := os.Getenv(wrongMachine)
	Run(t, Machine{
		New:     func() node.StateMachine { return &words{wrong: wrong} },
		Command: func(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, n%33), n) },
	})
}

// A conformance test that nothing fails is worth nothing: each wrong machine must fail, in a process of its own.
func TestEachWrongMachineFails(t *testing.T) {
	for _, wrong := range []string{"panics", "drifts", "keeps", "counts queries", "hashes lengths", "is its clone", "shares",
		"tells twice", "forgets", "adds to what was there", "trusts"} {
		t.Run(wrong, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAMachineThatIsRightPasses$")
			cmd.Env = append(os.Environ(), wrongMachine+"="+wrong)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "it passes")
			require.Contains(t, string(out), "--- FAIL: TestAMachineThatIsRightPasses/")
		})
	}
}
