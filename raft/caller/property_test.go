package caller

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/node"
)

// server is the model of a cluster with one log: it executes a (session, seq)
// at most once, and a request id. Its sessions may expire at any moment. Requests wait in it and are
// executed, refused or lost in any order.
type server struct {
	sessions map[node.SessionID]map[uint64]string
	nonces   map[uint64]node.SessionID
	acked    map[node.SessionID]uint64
	next     node.SessionID
	executed map[string]int
	requests map[string]request
}

// request is a request id that is taken: by which command, and what it was told.
type request struct {
	digest node.Digest
	body   string
}

func (s *server) execute(r *Request) node.Answer {
	switch r.Kind {
	case RequestOpenSession:
		id, ok := s.nonces[r.Command.Nonce]
		if !ok {
			s.next++
			id = s.next
			s.nonces[r.Command.Nonce] = id
			s.sessions[id] = map[uint64]string{}
			s.acked[id] = 1
		}
		return node.Answer{Outcome: node.Done, Session: id}
	case RequestCloseSession:
		if id, ok := s.nonces[r.Command.Nonce]; ok && id == r.Command.Session {
			s.expire(id)
		}
		return node.Answer{Outcome: node.Done}
	case RequestOnce:
		body := string(r.Command.Body)
		was, taken := s.requests[r.Command.RequestID]
		switch {
		case !taken && len(s.requests)%7 == 6:
			s.requests["room"] = request{}
			return node.Answer{Outcome: node.Refused, Code: node.CodeRequestsFull, RetryAfter: 300 * time.Millisecond}
		case !taken:
			s.executed[body]++
			was = request{r.Command.Digest, body}
			s.requests[r.Command.RequestID] = was
		case was.digest != r.Command.Digest:
			return node.Answer{Outcome: node.Refused, Code: node.CodeRequestConflict}
		}
		return node.Answer{Outcome: node.Done, Reply: []byte("did " + was.body)}
	case RequestQuery:
		return node.Answer{Outcome: node.Done, Reply: r.Query.Body}
	}
	c := &r.Command
	kept, ok := s.sessions[c.Session]
	if !ok {
		return node.Answer{Outcome: node.Refused, Code: node.CodeSessionUnknown}
	}
	s.acked[c.Session] = max(s.acked[c.Session], c.AckedBelow)
	if c.Seq < s.acked[c.Session] || c.Seq >= s.acked[c.Session]+8 || c.AckedBelow > c.Seq {
		return node.Answer{Outcome: node.Refused, Code: node.CodeBelowWindow}
	}
	if reply, ok := kept[c.Seq]; ok {
		return node.Answer{Outcome: node.Done, Reply: []byte(reply)}
	}
	s.executed[string(c.Body)]++
	kept[c.Seq] = "did " + string(c.Body)
	return node.Answer{Outcome: node.Done, Reply: []byte(kept[c.Seq])}
}

func (s *server) expire(id node.SessionID) {
	delete(s.sessions, id)
	for nonce, of := range s.nonces {
		if of == id {
			delete(s.nonces, nonce)
		}
	}
}

func TestDoneWasExecutedOnceRefusedNeverAndNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &server{sessions: map[node.SessionID]map[uint64]string{}, nonces: map[uint64]node.SessionID{},
			acked: map[node.SessionID]uint64{}, executed: map[string]int{}, requests: map[string]request{}}
		now := raft.Mono(1)
		c := New(Config{Targets: []string{"a", "b"}, Seed: rapid.Uint64().Draw(t, "seed"), WindowMax: 8}, now)
		var out Output
		var waiting []Request // on their way, in any order
		var late []Request    // lost to the caller, and perhaps executed yet
		results := map[uint64]Result{}
		step := func(in ...Input) {
			out.Reset()
			c.Step(now, in, &out)
			waiting = append(waiting, out.Send...)
			for _, r := range out.Done {
				require.NotContains(t, results, r.Ticket, "an operation ends once")
				results[r.Ticket] = r
			}
			require.LessOrEqual(t, len(out.Send), 64)
		}
		draw := func(list *[]Request, what string) Request {
			i := rapid.IntRange(0, len(*list)-1).Draw(t, what)
			r := (*list)[i]
			*list = append((*list)[:i:i], (*list)[i+1:]...)
			return r
		}
		submitted := uint64(0)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 12).Draw(t, "step") {
			case 0, 1, 2:
				submitted++
				op := Op{Ticket: submitted, Body: fmt.Append(nil, submitted), Query: submitted%5 == 0}
				if submitted%3 == 1 { // a one-shot command; two share an id, and some of those say the same
					id := submitted / 6
					op.RequestID, op.Digest, op.Query = fmt.Sprint("job ", id), node.Digest{byte(id % 2 * submitted)}, false
				}
				if rapid.Bool().Draw(t, "hurry") {
					op.Deadline = now.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "ms")) * time.Millisecond)
				}
				step(Input{Kind: InputSubmit, Op: op})
			case 3, 4, 5:
				if len(waiting) > 0 {
					r := draw(&waiting, "executed")
					step(Input{Kind: InputResponse, ID: r.ID, Answer: s.execute(&r)})
				}
			case 6:
				if len(waiting) > 0 { // executed, and the reply is lost
					r := draw(&waiting, "reply lost")
					s.execute(&r)
					step(Input{Kind: InputLost, ID: r.ID})
				}
			case 7:
				if len(waiting) > 0 { // lost to the caller, and still on its way
					r := draw(&waiting, "late")
					late = append(late, r)
					answer := Input{Kind: InputLost, ID: r.ID}
					if rapid.Bool().Draw(t, "unknown") {
						answer = Input{Kind: InputResponse, ID: r.ID, Answer: node.Answer{Outcome: node.Unknown, Code: node.CodeLeaderLost}}
					}
					step(answer)
				}
			case 8:
				if len(late) > 0 {
					r := draw(&late, "arrives late")
					s.execute(&r)
				}
			case 9:
				if len(waiting) > 0 {
					r := draw(&waiting, "refused")
					code := rapid.SampledFrom([]node.Code{node.CodeNotLeader, node.CodeBusy, node.CodeNotFormed, node.CodeStopping}).Draw(t, "code")
					hint := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "hint")
					step(Input{Kind: InputResponse, ID: r.ID, Answer: node.Answer{Outcome: node.Refused, Code: code}, HintAddr: hint})
				}
			case 10:
				now = now.Add(time.Duration(rapid.IntRange(1, 500).Draw(t, "pass")) * time.Millisecond)
				step()
			case 11:
				if s.next > 0 && rapid.IntRange(0, 3).Draw(t, "expire") == 0 {
					s.expire(node.SessionID(rapid.Uint64Range(1, uint64(s.next)).Draw(t, "session")))
				}
			case 12:
				if rapid.IntRange(0, 3).Draw(t, "close") == 0 { // whatever is under way
					step(Input{Kind: InputClose})
				}
			}
		}
		// Good times: all that is pending ends.
		for n := 0; len(results) < int(submitted); n++ {
			require.Less(t, n, 1000, "operations end")
			for len(waiting) > 0 {
				r := waiting[0]
				waiting = waiting[1:]
				step(Input{Kind: InputResponse, ID: r.ID, Answer: s.execute(&r)})
			}
			if len(results) < int(submitted) {
				require.Less(t, out.WakeAt, raft.Never)
				now = max(now, out.WakeAt)
				step()
			}
		}
		for i := range late {
			s.execute(&late[i])
		}
		for ticket, r := range results {
			body := fmt.Sprint(ticket)
			n := s.executed[body]
			require.LessOrEqual(t, n, 1, "operation %s", body)
			if ticket%3 == 1 {
				was := s.requests[fmt.Sprint("job ", ticket/6)]
				switch {
				case r.Outcome == node.Done:
					require.Equal(t, "did "+was.body, string(r.Reply), "the answer to whichever came first")
					require.Equal(t, 1, s.executed[was.body])
					require.Equal(t, node.Digest{byte(ticket / 6 % 2 * ticket)}, was.digest)
				case r.Outcome == node.Refused:
					require.Zero(t, n, "operation %s was refused", body)
				}
				continue
			}
			if ticket%5 == 0 {
				continue
			}
			switch r.Outcome {
			case node.Done:
				require.Equal(t, 1, n, "operation %s is done", body)
				require.Equal(t, "did "+body, string(r.Reply))
			case node.Refused:
				require.Zero(t, n, "operation %s was refused", body)
			}
		}
	})
}
