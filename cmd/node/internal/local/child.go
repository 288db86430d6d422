package local

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"parley/cmd/node/internal/process"
)

// child is one process: a node's, or the LLM server's.
type child struct {
	name string // "node 1"
	node planNode
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process is gone and its output is read
	err  error         // read after gone: how it ended
	last string        // read after gone: the last line it wrote
}

// family starts processes that do not outlive this one. Three ties hold them: a clean stop
// ends them; the end of the parent's pipe tells them that nobody will;
// and on Linux the kernel sends SIGTERM when the parent dies. That tie is to the
// thread that started the child, so one goroutine keeps one thread for all.
type family struct {
	exe     string
	keep    *os.File // the writing end; closed by nobody but the kernel
	give    *os.File // the reading end, for the children
	stderr  *lines
	starts  chan func()
	ended   chan *child
	threads sync.WaitGroup
}

func newFamily(exe string, stderr io.Writer, size int) (*family, error) {
	give, keep, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe to the nodes: %w", err)
	}
	f := &family{exe: exe, keep: keep, give: give, stderr: &lines{w: stderr},
		starts: make(chan func()), ended: make(chan *child, size)}
	f.threads.Go(func() { onOneThread(f.starts) })
	return f, nil
}

// close ends the ties; whoever still runs stops.
func (f *family) close() {
	close(f.starts)
	f.threads.Wait()
	_ = f.keep.Close()
	_ = f.give.Close()
}

// startNode runs a node. That it ends is told to whoever watches the nodes.
func (f *family) startNode(n planNode, args []string) (*child, error) {
	c, err := f.start(fmt.Sprintf("node %d", n.ID), f.exe, args)
	if err != nil {
		return nil, err
	}
	c.node = n
	go func() {
		<-c.gone
		f.ended <- c
	}()
	return c, nil
}

// start runs an executable with args.
func (f *family) start(name, exe string, args []string) (*child, error) {
	c := &child{name: name, cmd: exec.Command(exe, args...), gone: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), process.ParentEnv)
	c.cmd.ExtraFiles = []*os.File{f.give}
	c.cmd.SysProcAttr = ownGroup() // a Ctrl-C in the terminal reaches the parent alone
	out, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	f.starts <- func() { started <- c.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		c.relay(out, f.stderr)
		c.err = c.cmd.Wait()
		close(c.gone)
	}()
	return c, nil
}

// relay passes the child's lines on, each with its name, but not the one
// with which it ends: reason has that.
func (c *child) relay(from io.Reader, to *lines) {
	scan := bufio.NewScanner(from)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		line := scan.Text()
		c.last = line
		if !strings.HasPrefix(line, errorPrefix) {
			to.print("%s| %s", c.name, line)
		}
	}
	_, _ = io.Copy(io.Discard, from) // a line beyond all bounds must not block the child
}

// errorPrefix begins the line with which the command ends.
const errorPrefix = "node: "

// reason says how the child ended.
func (c *child) reason() string {
	if why, ok := strings.CutPrefix(c.last, errorPrefix); ok {
		return why
	}
	if c.err == nil {
		return "it stopped"
	}
	return c.err.Error()
}

// lines writes whole lines from several goroutines.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) print(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, format+"\n", args...)
}
