package caller

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// talk is a caller and a test that plays all nodes: a conversation is a script of lines.
//
//	submit T [within D]      operation T is wanted
//	large T                  operation T is wanted, which is large
//	batch T N                operation T is wanted, which takes N numbers
//	query T                  a linearizable read
//	once T ID [within D]     operation T is wanted, as a one-shot command
//	cancel T
//	close                    the session is not needed for now
//	wait D                   time passes, WakeAt by WakeAt
//	ID open S                request ID opened session S
//	ID done R                request ID is answered
//	ID unknown | busy | gone | below | large | conflict | notyet | ended
//	ID full D                no room for a request id before D has passed
//	ID notleader [ADDR]
//	ID leaderlost [ADDR]     a read whose leader could not be asked
//	ID lost
//
// What the caller says comes out as lines: "1 -> a: open", "2 -> a: s7 #1 <1", "T done R".
type talk struct {
	t   *testing.T
	c   *Caller
	now raft.Mono
	out Output
	log []string

	nonces []uint64 // of the sessions asked for
}

func newTalk(t *testing.T, cfg Config) *talk {
	if cfg.Targets == nil {
		cfg.Targets = []string{"a", "b", "c"}
	}
	cfg.Principal = "anonymous"
	return &talk{t: t, c: New(cfg, 1), now: 1}
}

func (k *talk) step(in ...Input) {
	k.out.Reset()
	k.c.Step(k.now, in, &k.out)
	for _, d := range k.out.Done {
		line := fmt.Sprintf("%d %s", d.Ticket, d.Outcome)
		if d.Outcome == node.Done {
			line += " " + string(d.Reply)
		} else if d.Code != node.CodeNone {
			line += ": " + d.Code.String()
		}
		k.log = append(k.log, line)
	}
	for _, r := range k.out.Send {
		line := fmt.Sprintf("%d -> %s: ", r.ID, r.Target)
		switch r.Kind {
		case RequestOpenSession:
			line += "open"
			k.nonces = append(k.nonces, r.Command.Nonce)
		case RequestCommand:
			line += fmt.Sprintf("s%d #%d <%d %.20s", r.Command.Session, r.Command.Seq, r.Command.AckedBelow, r.Command.Body)
		case RequestOnce:
			line += fmt.Sprintf("once %s %s", r.Command.RequestID, r.Command.Body)
			require.Equal(k.t, node.Digest{7}, r.Command.Digest)
			require.Equal(k.t, "anonymous", r.Command.Principal)
		case RequestCloseSession:
			line += fmt.Sprintf("close s%d", r.Command.Session)
			require.Equal(k.t, k.nonces[len(k.nonces)-1], r.Command.Nonce, "it shows who opened the session")
		case RequestQuery:
			line += "query " + string(r.Query.Body)
		}
		k.log = append(k.log, line)
	}
}

func (k *talk) say(line string) {
	w := strings.Fields(line)
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 10, 64)
		require.NoError(k.t, err, line)
		return n
	}
	duration := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		require.NoError(k.t, err, line)
		return d
	}
	switch w[0] {
	case "submit", "query":
		op := Op{Ticket: number(w[1]), Body: []byte("op" + w[1]), Query: w[0] == "query"}
		if len(w) > 3 {
			op.Deadline = k.now.Add(duration(w[3]))
		}
		k.step(Input{Kind: InputSubmit, Op: op})
		return
	case "large":
		k.step(Input{Kind: InputSubmit, Op: Op{Ticket: number(w[1]), Body: bytes.Repeat([]byte("much"), largeBytes/4)}})
		return
	case "batch":
		k.step(Input{Kind: InputSubmit, Op: Op{Ticket: number(w[1]), Body: []byte("op" + w[1]), Span: number(w[2])}})
		return
	case "once":
		op := Op{Ticket: number(w[1]), Body: []byte("op" + w[1]), RequestID: w[2], Digest: node.Digest{7}}
		if len(w) > 4 {
			op.Deadline = k.now.Add(duration(w[4]))
		}
		k.step(Input{Kind: InputSubmit, Op: op})
		return
	case "cancel":
		k.step(Input{Kind: InputCancel, Op: Op{Ticket: number(w[1])}})
		return
	case "close":
		k.step(Input{Kind: InputClose})
		return
	case "wait":
		for end := k.now.Add(duration(w[1])); k.now < end; {
			k.now = min(end, max(k.now+1, k.out.WakeAt))
			k.step()
		}
		return
	}
	in := Input{Kind: InputResponse, ID: number(w[0])}
	switch w[1] {
	case "open":
		in.Answer = node.Answer{Outcome: node.Done, Session: node.SessionID(number(w[2]))}
	case "done":
		in.Answer = node.Answer{Outcome: node.Done, Position: 9, Reply: []byte(w[2])}
	case "unknown":
		in.Answer = node.Answer{Outcome: node.Unknown, Code: node.CodeLeaderLost}
	case "lost":
		in.Kind = InputLost
	case "full":
		in.Answer = node.Answer{Outcome: node.Refused, Code: node.CodeRequestsFull, RetryAfter: duration(w[2])}
	case "notleader", "leaderlost":
		in.Answer = node.Answer{Outcome: node.Refused, Code: node.CodeNotLeader}
		if w[1] == "leaderlost" {
			in.Answer.Code = node.CodeLeaderLost
		}
		if len(w) > 2 {
			in.HintAddr = w[2]
		}
	default:
		code, ok := map[string]node.Code{"busy": node.CodeBusy, "gone": node.CodeSessionUnknown, "below": node.CodeBelowWindow,
			"conflict": node.CodeRequestConflict, "notyet": node.CodeNotYet,
			"large": node.CodeTooLarge, "ended": node.CodeReaderGone, "stopping": node.CodeStopping}[w[1]]
		require.True(k.t, ok, line)
		in.Answer = node.Answer{Outcome: node.Refused, Code: code}
	}
	k.step(in)
}

// converse runs a script of "> input" lines and compares all that the caller said with
// the other lines.
func (k *talk) converse(script string) {
	var want []string
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if input, ok := strings.CutPrefix(line, "> "); ok {
			require.Equal(k.t, want, k.log, "before: %s", line)
			k.log, want = nil, nil
			k.say(input)
		} else if line != "" {
			want = append(want, line)
		}
	}
	require.Equal(k.t, want, k.log, "at the end")
}

func TestConversations(t *testing.T) {
	for name, script := range map[string]string{
		"a session is opened once and commands are numbered in it": `
			> submit 1
			1 -> a: open
			> submit 2
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			3 -> a: s7 #2 <1 op2
			> 3 done y
			2 done y
			> 2 done x
			1 done x
			> submit 3
			4 -> a: s7 #3 <3 op3`,

		"a session is closed once, and the next command opens another": `
			> close
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 done x
			1 done x
			> close
			3 -> a: close s7
			> close
			> 3 lost
			> submit 2
			4 -> a: open
			> 4 open 8
			5 -> a: s8 #1 <1 op2`,

		"a command under way when its session is closed starts anew only if it is not in doubt": `
			> submit 1
			1 -> a: open
			> submit 2
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			3 -> a: s7 #2 <1 op2
			> 2 lost
			4 -> b: s7 #1 <1 op1
			> close
			5 -> b: close s7
			> 4 gone
			1 unknown: session unknown
			> 3 gone
			> wait 100ms
			6 -> b: open
			> 6 open 8
			7 -> b: s8 #1 <1 op2
			> 7 done y
			2 done y`,

		"a large command that got no answer is given more time, and a small one beside it is not": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> large 2
			3 -> a: s7 #2 <1 muchmuchmuchmuchmuch
			> wait 3s
			4 -> b: s7 #1 <1 op1
			5 -> b: s7 #2 <1 muchmuchmuchmuchmuch
			> wait 3100ms
			6 -> c: s7 #1 <1 op1
			> wait 2800ms
			> wait 200ms
			7 -> c: s7 #2 <1 muchmuchmuchmuchmuch
			8 -> a: s7 #1 <1 op1
			> 8 done x
			1 done x
			> wait 11800ms
			> wait 200ms
			9 -> a: s7 #2 <2 muchmuchmuchmuchmuch
			> 9 done y
			2 done y`,

		"who was silent a moment ago is passed over, and is asked again where nobody else is left": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> submit 2
			3 -> a: s7 #2 <1 op2
			> 2 notleader
			4 -> b: s7 #1 <1 op1
			> 4 notleader
			> wait 100ms
			5 -> c: s7 #1 <1 op1
			> wait 2900ms
			6 -> c: s7 #2 <1 op2
			> wait 150ms
			7 -> b: s7 #1 <1 op1
			> 7 notleader
			> wait 150ms
			8 -> c: s7 #1 <1 op1`,

		"one-shot commands wait side by side for the cluster's level": `
			> once 1 job
			1 -> a: once job op1
			> once 2 work
			2 -> a: once work op2
			> 1 notyet
			> 2 busy
			> wait 2900ms
			3 -> a: once work op2
			4 -> a: once job op1
			> 4 notyet
			1 refused: not before every node runs the newer release
			> 3 notyet
			2 refused: not before every node runs the newer release`,

		"a lost reply leads to the same command again": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 lost
			3 -> b: s7 #1 <1 op1
			> 3 done x
			1 done x
			> 2 done late`,

		"a login that has ended ends what was asked under it, as unknown where an attempt got lost before": `
			> submit 1
			1 -> a: open
			> submit 2
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			3 -> a: s7 #2 <1 op2
			> 2 lost
			4 -> b: s7 #1 <1 op1
			> 4 ended
			1 unknown: the login has ended
			> 3 ended
			2 refused: the login has ended
			> query 3
			5 -> b: query op3
			> 5 ended
			3 refused: the login has ended`,

		"without a login nobody gets a session": `
			> submit 1
			1 -> a: open
			> 1 ended
			1 refused: the login has ended`,

		"a one-shot command needs no session and is repeated under its id at any node": `
			> once 1 job
			1 -> a: once job op1
			> 1 lost
			2 -> b: once job op1
			> 2 notleader c
			3 -> c: once job op1
			> 3 unknown
			> wait 100ms
			4 -> a: once job op1
			> 4 done x
			1 done x`,

		"a one-shot command and those of a session don't wait for one another": `
			> submit 1
			1 -> a: open
			> once 2 job
			2 -> a: once job op2
			> 1 large
			1 refused: too large
			> 2 done y
			2 done y`,

		"an id that is taken ends the command as refused, even one in doubt": `
			> once 1 job
			1 -> a: once job op1
			> 1 lost
			2 -> b: once job op1
			> 2 conflict
			1 refused: the request id was used for something else`,

		"a one-shot command waits a moment for the cluster's level, and not for an upgrade": `
			> once 1 job
			1 -> a: once job op1
			> 1 notyet
			> wait 200ms
			2 -> a: once job op1
			> 2 done x
			1 done x
			> once 2 other
			3 -> a: once other op2
			> 3 notyet
			> wait 200ms
			4 -> a: once other op2
			> wait 2700ms
			> 4 notyet
			2 refused: not before every node runs the newer release`,

		"a one-shot command in doubt that an older release refuses is unknown": `
			> once 1 job
			1 -> a: once job op1
			> 1 unknown
			2 -> b: once job op1
			> 2 notyet
			> wait 200ms
			3 -> b: once job op1
			> wait 2700ms
			> 3 notyet
			1 unknown: not before every node runs the newer release`,

		"one for which there is no room waits if there is time, and ends at once if not": `
			> once 1 job within 10s
			1 -> a: once job op1
			> 1 full 4s
			> once 2 other within 3s
			2 -> a: once other op2
			> 2 full 4s
			2 refused: too many request ids are remembered
			> wait 3900ms
			> wait 100ms
			3 -> a: once job op1
			> 3 done x
			1 done x`,

		"a one-shot command is not repeated for longer than its id is remembered": `
			> once 1 job
			1 -> a: once job op1
			> 1 lost
			2 -> b: once job op1
			> 2 full 11h
			> wait 11h
			3 -> b: once job op1
			> 3 full 2h
			1 unknown: too many request ids are remembered
			> wait 24h`,

		"a hint is followed at once": `
			> submit 1
			1 -> a: open
			> 1 notleader c
			2 -> c: open
			> 2 open 7
			3 -> c: s7 #1 <1 op1`,

		"a hint may name a node that is not configured": `
			> submit 1
			1 -> a: open
			> 1 notleader z
			2 -> z: open
			> 2 lost
			> wait 1s
			3 -> b: open`,

		"a stale hint costs one attempt, then a wait": `
			> submit 1
			1 -> a: open
			> 1 notleader b
			2 -> b: open
			> 2 notleader a
			> wait 20ms
			3 -> a: open`,

		"an open that was lost is repeated with the same nonce": `
			> submit 1
			1 -> a: open
			> 1 lost
			2 -> b: open
			> 2 unknown
			> wait 1s
			3 -> c: open
			> 3 open 7
			4 -> c: s7 #1 <1 op1`,

		"a busy node is asked again, after a wait": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 busy
			> wait 100ms
			3 -> a: s7 #1 <1 op1
			> 3 done x
			1 done x`,

		"a node that stops is left": `
			> submit 1
			1 -> a: open
			> 1 stopping
			2 -> b: open`,

		"a command in doubt whose session is gone is unknown and never sent anew": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 lost
			3 -> b: s7 #1 <1 op1
			> 3 gone
			1 unknown: session unknown
			> submit 2
			> wait 1s
			4 -> b: open`,

		"a command that was refused whenever it was tried gets another session": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 gone
			3 -> a: open
			> 3 open 8
			4 -> a: s8 #1 <1 op1
			> 4 done x
			1 done x`,

		"an answer under way outlives its session": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> submit 2
			3 -> a: s7 #2 <1 op2
			> 3 gone
			4 -> a: open
			> 2 done x
			1 done x`,

		"a deadline with a request under way is unknown": `
			> submit 1 within 50ms
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> wait 49ms
			> wait 1ms
			1 unknown`,

		"a deadline before anything was sent is a refusal": `
			> submit 1 within 50ms
			1 -> a: open
			> 1 notleader
			2 -> b: open
			> wait 50ms
			1 refused: not leader`,

		"giving up after nothing but refusals is a refusal": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 busy
			> wait 3ms
			> cancel 1
			1 refused: busy`,

		"a refusal does not take back the doubt of an earlier attempt": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 unknown
			3 -> b: s7 #1 <1 op1
			> 3 notleader
			> cancel 1
			1 unknown: not leader`,

		"a command that is too large is refused for good": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> 2 large
			1 refused: too large`,

		"what was given up counts as acknowledged": `
			> submit 1
			1 -> a: open
			> 1 open 7
			2 -> a: s7 #1 <1 op1
			> cancel 1
			1 unknown
			> submit 2
			3 -> a: s7 #2 <2 op2`,

		"queries need no session and are never in doubt": `
			> query 1
			1 -> a: query op1
			> 1 lost
			2 -> b: query op1
			> cancel 1
			1 refused`,

		"a request without answer is lost after a while": `
			> query 1
			1 -> a: query op1
			> wait 2999ms
			> wait 1ms
			2 -> b: query op1`,

		"many failures of one dead node are one failure": `
			> query 1
			1 -> a: query op1
			> query 2
			2 -> a: query op2
			> query 3
			3 -> a: query op3
			> 1 lost
			4 -> b: query op1
			> 2 lost
			5 -> b: query op2
			> 3 lost
			6 -> b: query op3`,
	} {
		t.Run(name, func(t *testing.T) { newTalk(t, Config{Seed: 1}).converse(script) })
	}
}

// Reads that any node answers go their own way: they neither follow the commands to the leader
// nor wait with them, and a leader that is lost to one node is not run after.
func TestReadsAnywhereHaveARouteOfTheirOwn(t *testing.T) {
	k := newTalk(t, Config{ReadAnywhere: true})
	k.converse(`
		> submit 1
		1 -> a: open
		> 1 notleader c
		2 -> c: open
		> query 2
		3 -> a: query op2
		> 3 done x
		2 done x
		> 2 notleader b
		> query 3
		4 -> a: query op3
		> 4 leaderlost c
		5 -> b: query op3
		> wait 100ms
		6 -> b: open
		> 5 leaderlost c
		> 6 open 7
		7 -> b: s7 #1 <1 op1
		> wait 100ms
		8 -> c: query op3
		> 8 notleader a
		9 -> a: query op3
		> 9 done y
		3 done y
		> 7 done z
		1 done z`)
}

func TestAWindowHoldsBackWhatTheNodeWouldRefuse(t *testing.T) {
	newTalk(t, Config{WindowMax: 2, PendingMax: 4}).converse(`
		> submit 1
		1 -> a: open
		> submit 2
		> submit 3
		> submit 4
		> submit 5
		5 refused: busy
		> 1 open 7
		2 -> a: s7 #1 <1 op1
		3 -> a: s7 #2 <1 op2
		> 3 done y
		2 done y
		> 2 done x
		1 done x
		4 -> a: s7 #3 <3 op3
		5 -> a: s7 #4 <3 op4`)
}

func TestARedirectLoopIsAskedAtABoundedRate(t *testing.T) {
	// Two nodes that each take the other for the leader, and answer at once, for
	// ten seconds: the caller must not spin.
	k := newTalk(t, Config{Seed: 3, Targets: []string{"a", "b"}})
	k.step(Input{Kind: InputSubmit, Op: Op{Ticket: 1}})
	sent := 0
	for end := k.now.Add(10 * time.Second); k.now < end; {
		if len(k.out.Send) == 0 {
			require.Greater(t, k.out.WakeAt, k.now)
			k.now = k.out.WakeAt
			k.step()
			continue
		}
		sent++
		r := k.out.Send[0]
		hint := map[string]string{"a": "b", "b": "a"}[r.Target]
		k.step(Input{Kind: InputResponse, ID: r.ID, Answer: node.Answer{Outcome: node.Refused, Code: node.CodeNotLeader}, HintAddr: hint})
	}
	require.Less(t, sent, 220, "two attempts per backoff of 100 to 200 ms")
	require.Greater(t, sent, 50, "and it does not give up")
}

func TestTheSameNonceIsUsedUntilTheSessionIsOpenAndAnotherAfterwards(t *testing.T) {
	k := newTalk(t, Config{Seed: 3})
	for _, line := range []string{"submit 1", "1 lost", "2 open 7", "3 gone", "wait 1s"} {
		k.say(line)
	}
	nonces := k.nonces
	require.Len(t, nonces, 3)
	require.Equal(t, nonces[0], nonces[1])
	require.NotEqual(t, nonces[0], nonces[2])
	require.NotContains(t, nonces, uint64(0))
}

func TestACloneGoesItsOwnWay(t *testing.T) {
	k := newTalk(t, Config{Seed: 3})
	k.say("submit 1")
	k.say("1 open 7")
	clone := k.c.Clone()
	require.Equal(t, k.c.AppendState(nil), clone.AppendState(nil))
	before := clone.AppendState(nil)
	k.say("2 done x")
	require.Equal(t, before, clone.AppendState(nil))
	require.NotEqual(t, before, k.c.AppendState(nil))
}

// A request that stands for many commands takes as many numbers. At stake are two commands under one.
func TestABatchTakesAsManyNumbersAsItHasCommands(t *testing.T) {
	newTalk(t, Config{WindowMax: 4}).converse(`
		> batch 1 3
		1 -> a: open
		> 1 open 7
		2 -> a: s7 #1 <1 op1
		> batch 2 2
		> submit 3
		> 2 lost
		3 -> b: s7 #1 <1 op1
		> 3 done x
		1 done x
		4 -> b: s7 #4 <4 op2
		5 -> b: s7 #6 <4 op3
		> batch 4 5
		4 refused: too large`)
}
