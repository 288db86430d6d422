package local

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"parley/cmd/internal/usage"
	"parley/cmd/node/internal/process"
	"parley/rpc/auth"
)

// The waits before an LLM server that died is started again: it doubles while it dies at once, and begins anew after
// one that lived for a while.
const (
	againMin  = time.Second
	againMax  = 30 * time.Second
	livedLong = time.Minute
)

// llm is the LLM server. It is a process of its own, tied to this one as the nodes are, but that it is started again when it
// dies: nothing is lost with it, and nobody waits for it but who has asked for a text.
type llm struct {
	family *family
	plan   *plan

	mu     sync.Mutex
	child  *child // nil while it is down
	ending bool
	stop   chan struct{} // closed when it is not to be started again
	done   chan struct{} // closed when it is gone for good
}

func (p *plan) llmDir() string        { return filepath.Join(p.dir, "llm") }
func (p *plan) llmPidFile() string    { return filepath.Join(p.llmDir(), "pid") }
func (p *plan) llmSecretFile() string { return filepath.Join(p.dir, "llm-secret") }

// startLLM starts the LLM server, and sees to it that it is started again. The secret that it shares with the nodes is in a
// file of the cluster's directory, for its owner alone.
func startLLM(f *family, p *plan) (*llm, error) {
	if err := process.MakeDir(p.llmDir()); err != nil {
		return nil, err
	}
	if _, _, err := auth.MakeSecretFile(p.llmSecretFile()); err != nil {
		return nil, err
	}
	l := &llm{family: f, plan: p, stop: make(chan struct{}), done: make(chan struct{})}
	if err := l.start(); err != nil {
		return nil, err
	}
	go l.watch()
	return l, nil
}

// start runs the process once.
func (l *llm) start() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return nil
	}
	exe, args := l.plan.llmCommand, []string{"--listen", l.plan.LLMAddr, "--secret-file", l.plan.llmSecretFile()}
	if _, err := os.UserCacheDir(); err != nil { // where else its machine code would be kept
		args = append(args, "--cache-dir", l.plan.llmDir())
	}
	if exe == "" {
		exe, args = l.family.exe, append([]string{"llm"}, args...)
	}
	c, err := l.family.start("llm", exe, args)
	if err != nil {
		return err
	}
	l.child = c
	return os.WriteFile(l.plan.llmPidFile(), []byte(strconv.Itoa(c.cmd.Process.Pid)+"\n"), 0o600)
}

// watch starts it again whenever it dies, until end.
func (l *llm) watch() {
	defer close(l.done)
	for wait := againMin; ; wait = min(2*wait, againMax) {
		began := time.Now()
		l.mu.Lock()
		c := l.child
		l.mu.Unlock()
		if c == nil {
			return
		}
		<-c.gone
		if time.Since(began) > livedLong {
			wait = againMin
		}
		select {
		case <-l.stop:
			return
		default:
		}
		l.family.stderr.print("the LLM server is down: %s. Texts are made without it; it is started again in %v", c.reason(), wait)
		if !l.pause(wait) {
			return
		}
		if err := l.start(); err != nil {
			l.family.stderr.print("%s", fmt.Errorf("the LLM server is not started again: %w", err))
			return
		}
	}
}

func (l *llm) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.stop:
		return false
	}
}

// end signals it, and has it not started again.
func (l *llm) end(sig syscall.Signal) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ending {
		l.ending = true
		close(l.stop)
	}
	if l.child != nil {
		_ = l.child.cmd.Process.Signal(sig) // an error if it is gone, which is as good
	}
	_ = os.Remove(l.plan.llmPidFile())
}

// gone reports whether it is.
func (l *llm) gone() bool {
	if l == nil {
		return true
	}
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// llmAddr chooses where the LLM server listens. A port that nobody asked for need not be free: then another one is taken, and so it
// is where the other ports were chosen freely.
func (o Options) llmAddr(p *plan) (string, error) {
	port := o.LLMPort
	if port < 0 {
		port = DefaultLLMPort
		if len(p.Nodes) > DefaultLLMPort-DefaultClientPort {
			port = DefaultLLMPortOfMany
		}
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	if o.LLMPort == 0 || o.LLMPort < 0 && (o.ClientPort == 0 || p.has(addr) || !free(addr)) {
		addrs, err := freeAddresses("--llm-port", 1)
		if err != nil {
			return "", err
		}
		return addrs[0], nil
	}
	switch {
	case port > 65535:
		return "", usage.Errorf("--llm-port %d: the last port is 65535", port)
	case p.has(addr):
		return "", usage.Errorf("--llm-port %d: a node has this port; choose another", port)
	case !free(addr):
		return "", fmt.Errorf("address %s (--llm-port) is in use: stop the program that listens there, or choose another --llm-port", addr)
	}
	return addr, nil
}

// has reports whether a node listens at an address.
func (p *plan) has(addr string) bool {
	for _, n := range p.Nodes {
		if n.ClientAddr == addr || n.PeerAddr == addr || n.HTTPAddr == addr {
			return true
		}
	}
	return false
}

// free reports whether nobody listens at an address.
func free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
