package main

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strconv"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
)

// handler serves GET, PUT and DELETE of /KEY at any node. A GET is linearizable: it sees whatever was answered to anybody
// before it began. With ?stale it shows what this node knows.
type handler struct{ host *host.Host }

// requestHeader names a request, so that it can be repeated safely for a minute (see settings): a command is executed once under its
// name, however often and at whichever node it arrives.
const requestHeader = "Idempotency-Key"

func (s handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event, err := request(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := s.host.Do(r.Context(), event)
	switch {
	case err != nil: // the client went away, and with him whoever would read this
	case a.Outcome == node.Done:
		w.Header().Set("Position", strconv.FormatUint(uint64(a.Position), 10))
		reply(w, r, a.Reply)
	case a.Outcome == node.Unknown:
		// It is in the log, and may yet be executed or not. To repeat it under its name finds out.
		w.Header().Set(requestHeader, event.Command.RequestID)
		http.Error(w, "it is not known whether this was done: repeat it with the same "+requestHeader, http.StatusGatewayTimeout)
	default:
		s.refused(w, r, &event, &a)
	}
}

// request makes an event of a request: a query of a GET, a one-shot command of the others.
func request(w http.ResponseWriter, r *http.Request) (node.Event, error) {
	key, op := r.URL.Path[1:], byte(opPut)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		q := node.Query{Body: []byte(key)}
		if r.URL.Query().Has("stale") {
			q.Consistency = node.Stale
		}
		return node.Event{Kind: node.EventQuery, Query: q}, nil
	case http.MethodDelete:
		op = opDelete
	case http.MethodPut:
	default:
		return node.Event{}, errors.New("GET, PUT or DELETE a key")
	}
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return node.Event{}, err
	}
	c := node.Command{RequestID: r.Header.Get(requestHeader), Body: encode(op, key, string(value))}
	if c.RequestID == "" {
		c.RequestID = rand.Text()
	}
	c.Digest = node.DigestOf("kv", string(c.Body)) // another request under the same name is a conflict, and not executed
	return node.Event{Kind: node.EventCommand, Command: c}, nil
}

// reply shows what the state machine answered.
func reply(w http.ResponseWriter, r *http.Request, b []byte) {
	switch read := r.Method == http.MethodGet || r.Method == http.MethodHead; {
	case b[0] == replyGarbage:
		http.Error(w, "no command", http.StatusBadRequest)
	case b[0] == replyAbsent && r.Method == http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	case b[0] == replyAbsent:
		http.Error(w, "no such key", http.StatusNotFound)
	case read:
		_, _ = w.Write(b[1:])
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// refused: it was not executed, and the code says what to do about it. Whoever is not the leader says who is, and everything else
// passes by itself.
func (s handler) refused(w http.ResponseWriter, r *http.Request, e *node.Event, a *node.Answer) {
	if leader := s.clientAddr(a.Hint); a.Code == node.CodeNotLeader && leader != "" {
		http.Redirect(w, r, "http://"+leader+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return
	}
	status := http.StatusServiceUnavailable
	switch a.Code {
	case node.CodeTooLarge:
		status = http.StatusRequestEntityTooLarge
	case node.CodeRequestConflict:
		status = http.StatusConflict
	default:
		w.Header().Set(requestHeader, e.Command.RequestID)
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(a.RetryAfter.Seconds()))))
	}
	http.Error(w, a.Code.String(), status)
}

// clientAddr is where a member takes clients, as far as this node knows.
func (s handler) clientAddr(id raft.NodeID) string {
	for _, m := range s.host.Status().Members {
		if m.ID == id && id != s.host.Self().ID {
			return m.ClientAddr
		}
	}
	return ""
}
