// Package web is what the backends behind HTTP share: a client that goes where it was told and nowhere else, reads no more
// than it should, and remembers what its library does not tell (web.go); and what ends with a provider (backend.go).
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parley/llm"
)

const (
	// bodyBytesMax bounds an answer. A stream has some 200 bytes around each token.
	bodyBytesMax = 16 << 20
	// headerBytesMax bounds an answer's headers.
	headerBytesMax = 64 << 10
	// dialMax bounds the way to a server; how long it thinks is bounded by the text's deadline.
	dialMax = 10 * time.Second
	// idleMax bounds connections that wait for the next text.
	idleMax = 8
)

// NewClient returns a client. It follows no redirect, which would take the key and the text elsewhere.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: dialMax}).DialContext
	transport.MaxResponseHeaderBytes = headerBytesMax
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = idleMax, idleMax
	return &http.Client{
		Transport:     watcher{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// An Answer is what is known of a server's answer.
type Answer struct {
	Status     int           // 0 if there was none
	RetryAfter time.Duration // that the server asked for; 0 if it did not
	Cut        bool          // its body ended before its time
}

type answerKey struct{}

// Watch returns a context for one request, whose answer is told in the Answer.
func Watch(ctx context.Context) (context.Context, *Answer) {
	a := new(Answer)
	return context.WithValue(ctx, answerKey{}, a), a
}

type watcher struct{ next http.RoundTripper }

func (w watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	a, ok := r.Context().Value(answerKey{}).(*Answer)
	if !ok {
		a = new(Answer)
	}
	a.Status, a.RetryAfter = resp.StatusCode, retryAfter(resp.Header, time.Now())
	resp.Body = &body{ReadCloser: resp.Body, left: bodyBytesMax, answer: a}
	return resp, nil
}

// errTooLong is the error of a body that does not end.
var errTooLong = errors.New("the answer is too long")

// A body is read up to a bound, and notes when it is cut.
type body struct {
	io.ReadCloser
	left   int
	answer *Answer
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.answer.Cut = true
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && err != io.EOF {
		b.answer.Cut = true
	}
	return n, err
}

// retryAfter reads the header, which has seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(v, 64); err == nil && seconds > 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// Error makes the error of a text that a library ended with err. What the library or the server say is not repeated.
func Error(ctx context.Context, backend string, a *Answer, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case a.Status == 0:
		return llm.Errorf(llm.Unavailable, "%s cannot be reached", backend)
	case a.Status < 200 || a.Status > 299:
		return llm.FromStatus(backend, a.Status, a.RetryAfter)
	case a.Cut:
		return llm.Errorf(llm.Malformed, "the answer of %s was cut", backend)
	case err == nil:
		return llm.Errorf(llm.Malformed, "the answer of %s ends before its end", backend)
	}
	return llm.Errorf(llm.Malformed, "the answer of %s is not what its protocol says", backend)
}

// Base checks a base address, and tells whether what is sent there leaves this machine. A key goes over plain HTTP
// only within this machine or a private network.
func Base(address string, withKey bool) (external bool, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return false, fmt.Errorf("the base address has to be like http://127.0.0.1:8080/v1")
	}
	if u.User != nil {
		return false, fmt.Errorf("the base address must not hold a user or password: name a file with the key")
	}
	host := u.Hostname()
	ip, ipErr := netip.ParseAddr(host)
	loopback := host == "localhost" || ipErr == nil && ip.IsLoopback()
	if u.Scheme == "http" && withKey && !loopback && !(ipErr == nil && ip.IsPrivate()) {
		return false, fmt.Errorf("the key would go to %s in the clear: use https", host)
	}
	return !loopback, nil
}
