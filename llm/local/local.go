package local

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/hybridgroup/yzma/pkg/llama"

	"parley/llm"
)

// A Config says which model, and how much of the machine it may take.
type Config struct {
	LibDir   string
	File     string
	Threads  int                    // 0 is 1
	Context  int                    // tokens; 0 is ContextDefault
	Progress func(fraction float32) // is told how much of the file is loaded; may be nil
}

const (
	// ContextDefault fits 100 messages of a chat, and small models are trained on as much.
	ContextDefault = 4096
	contextMax     = 1 << 17
	// threadsMax is more than any machine for which this backend is meant has.
	threadsMax = 64
	// batchTokens is how many tokens of a prompt are read between two looks at the context: a model of a billion
	// parameters needs about a second for them on one core.
	batchTokens = 32
	// answerTokensMin is the room that a prompt has to leave.
	answerTokensMin = 16
)

// A Provider runs one model.
type Provider struct {
	name    string
	window  int // tokens
	model   llama.Model
	context llama.Context
	vocab   llama.Vocab
	chat    string // the template

	turn   chan struct{} // holds a token while a text is generated
	closed chan struct{}
	once   sync.Once
}

// New loads a model, which takes as long as reading its file.
func New(c Config) (*Provider, error) {
	if c.Threads == 0 {
		c.Threads = 1
	}
	if c.Context == 0 {
		c.Context = ContextDefault
	}
	if c.Threads < 1 || c.Threads > threadsMax || c.Context < 256 || c.Context > contextMax {
		return nil, fmt.Errorf("a local model needs 1 to %d threads and 256 to %d tokens of context", threadsMax, contextMax)
	}
	if err := checkFile(c.File); err != nil {
		return nil, err
	}
	if err := load(c.LibDir); err != nil {
		return nil, err
	}
	mp := llama.ModelDefaultParams()
	mp.NGpuLayers = 0
	if c.Progress != nil {
		mp.SetProgressCallback(func(f float32, _ uintptr) uint8 {
			c.Progress(f)
			return 1 // go on
		})
	}
	model, err := llama.ModelLoadFromFile(c.File, mp)
	if err != nil {
		return nil, fmt.Errorf("%s is cut, or no model that llama.cpp knows; fetch it again and compare its size or hash", c.File)
	}
	cp := llama.ContextDefaultParams()
	cp.NCtx, cp.NBatch, cp.NUbatch, cp.NSeqMax = uint32(c.Context), batchTokens, batchTokens, 1
	cp.NThreads, cp.NThreadsBatch = int32(c.Threads), int32(c.Threads)
	context, err := llama.InitFromModel(model, cp)
	if err != nil {
		_ = llama.ModelFree(model)
		return nil, fmt.Errorf("there is no memory for %d tokens of context; name fewer by --context", c.Context)
	}
	chat := llama.ModelChatTemplate(model, "")
	if chat == "" {
		chat = "chatml" // by name: the commonest
	}
	p := &Provider{
		name: filepath.Base(c.File), window: c.Context, model: model, context: context, vocab: llama.ModelGetVocab(model), chat: chat,
		turn: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	if _, err := p.tokens("a", "b"); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// checkFile looks at the first bytes, so that what is no model is not given to a library that trusts it.
func checkFile(path string) error {
	if path == "" {
		return errors.New("name the model's file (GGUF) by --model: docs/ai.md says where to get one")
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the model's file: %w", err)
	}
	defer f.Close()
	var head [8]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != "GGUF" {
		return fmt.Errorf("%s is no GGUF file", path)
	}
	if v := binary.LittleEndian.Uint32(head[4:]); v < 2 || v > 3 {
		return fmt.Errorf("%s is a GGUF file of version %d, and 2 and 3 are known", path, v)
	}
	return nil
}

// Describe tells that nothing leaves this machine.
func (p *Provider) Describe() llm.Description {
	return llm.Description{Backend: "local", Model: p.name, Ready: true, InputMax: min(llm.InputMax, 8*p.window)}
}

// Close frees the model, when the text that is generated has ended.
func (p *Provider) Close() error {
	p.once.Do(func() {
		close(p.closed)
		p.turn <- struct{}{}
		_ = llama.Free(p.context) // these fail only for what was never made
		_ = llama.ModelFree(p.model)
		<-p.turn
	})
	return nil
}

// Generate runs the model.
func (p *Provider) Generate(ctx context.Context, r llm.Request, emit func(string) error) (llm.Result, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-p.closed:
		return llm.Result{}, closedError()
	case <-ctx.Done():
		return llm.Result{}, ctx.Err()
	}
	if err := p.over(ctx); err != nil {
		return llm.Result{}, err
	}
	tokens, err := p.tokens(r.Prompt.Instruction, r.Prompt.User())
	if err != nil {
		return llm.Result{}, err
	}
	if len(tokens) > p.window-answerTokensMin {
		return llm.Result{}, llm.Errorf(llm.TooLarge, "the prompt has %d tokens, and the model reads %d", len(tokens), p.window)
	}
	g := generation{p: p, ctx: ctx, out: llm.NewOutput(r.Limits, emit), sampler: sampler(tokens)}
	defer llama.SamplerFree(g.sampler)
	finish, err := g.run(tokens, min(r.Limits.Tokens, p.window-len(tokens)))
	if err != nil {
		return llm.Result{}, err
	}
	return llm.Result{Model: p.name, Finish: finish, Usage: llm.Usage{InputTokens: len(tokens), OutputTokens: g.made}}, nil
}

func closedError() error { return llm.Errorf(llm.Unavailable, "the local model is closed") }

// over returns why a text must end.
func (p *Provider) over(ctx context.Context) error {
	select {
	case <-p.closed:
		return closedError()
	default:
		return ctx.Err()
	}
}

// A generation is one text.
type generation struct {
	p       *Provider
	ctx     context.Context
	out     *llm.Output
	sampler llama.Sampler
	made    int
}

// run reads the prompt and makes up to most tokens.
func (g *generation) run(prompt []llama.Token, most int) (llm.Finish, error) {
	memory, err := llama.GetMemory(g.p.context)
	if err == nil {
		err = llama.MemoryClear(memory, false)
	}
	if err != nil {
		return 0, llm.Errorf(llm.Unavailable, "the local model failed")
	}
	for at := 0; at < len(prompt); at += batchTokens {
		if err := g.decode(prompt[at:min(at+batchTokens, len(prompt))]); err != nil {
			return 0, err
		}
	}
	one := make([]llama.Token, 1)
	for {
		one[0] = llama.SamplerSample(g.sampler, g.p.context, -1)
		if llama.VocabIsEOG(g.p.vocab, one[0]) {
			return g.end(llm.Stop)
		}
		g.made++
		if err := g.out.Write(g.p.piece(one[0])); errors.Is(err, llm.ErrFull) {
			return llm.Length, nil
		} else if err != nil {
			return 0, err
		}
		if g.made >= most {
			return g.end(llm.Length)
		}
		if err := g.decode(one); err != nil {
			return 0, err
		}
	}
}

// end sends what is left of the last character.
func (g *generation) end(f llm.Finish) (llm.Finish, error) {
	if err := g.out.Flush(); err != nil && !errors.Is(err, llm.ErrFull) {
		return 0, err
	} else if err != nil {
		f = llm.Length
	}
	return f, nil
}

// decode lets the model read tokens, unless the text must end.
func (g *generation) decode(tokens []llama.Token) error {
	if err := g.p.over(g.ctx); err != nil {
		return err
	}
	status, err := llama.Decode(g.p.context, llama.BatchGetOne(tokens))
	runtime.KeepAlive(tokens) // the batch points to them
	if err != nil || status != 0 {
		return llm.Errorf(llm.Unavailable, "the local model failed (%d)", status)
	}
	return nil
}

// The sampling that suits chat models of this size: a little chance, and little repetition.
const (
	topK          = 40
	topP          = 0.95
	temperature   = 0.3
	repeatLast    = 64
	repeatPenalty = 1.1
)

// sampler returns a sampler whose chance comes from the prompt, so that the same prompt gets the same text.
func sampler(tokens []llama.Token) llama.Sampler {
	h := fnv.New32a()
	for _, t := range tokens {
		_ = binary.Write(h, binary.LittleEndian, int32(t)) // never fails
	}
	s := llama.SamplerChainInit(llama.SamplerChainDefaultParams())
	llama.SamplerChainAdd(s, llama.SamplerInitPenalties(repeatLast, repeatPenalty, 0, 0))
	llama.SamplerChainAdd(s, llama.SamplerInitTopK(topK))
	llama.SamplerChainAdd(s, llama.SamplerInitTopP(topP, 1))
	llama.SamplerChainAdd(s, llama.SamplerInitTempExt(temperature, 0, 1))
	llama.SamplerChainAdd(s, llama.SamplerInitDist(h.Sum32()))
	return s
}

// piece returns the bytes of a token; of a mark of turns there are none.
func (p *Provider) piece(t llama.Token) string {
	buf := make([]byte, 64)
	n := llama.TokenToPiece(p.vocab, t, buf, 0, false)
	if n < 0 {
		buf = make([]byte, -n)
		n = llama.TokenToPiece(p.vocab, t, buf, 0, false)
	}
	return string(buf[:max(n, 0)])
}

// Stand-ins for the instruction and the data in the template.
const (
	instructionHere = "PARLEY7INSTRUCTION7HERE"
	dataHere        = "PARLEY7DATA7HERE"
)

// tokens applies the template. Only its own words may become marks of turns.
func (p *Provider) tokens(instruction, data string) ([]llama.Token, error) {
	messages := []llama.ChatMessage{llama.NewChatMessage("system", instructionHere), llama.NewChatMessage("user", dataHere)}
	buf := make([]byte, 16<<10)
	n := llama.ChatApplyTemplate(p.chat, messages, true, buf)
	if n < 0 && p.chat != "chatml" {
		n = llama.ChatApplyTemplate("chatml", messages, true, buf)
	}
	runtime.KeepAlive(messages)
	if n <= 0 || int(n) > len(buf) {
		return nil, errors.New("the chat template of the model cannot be used")
	}
	before, rest, ok1 := strings.Cut(string(buf[:n]), instructionHere)
	between, after, ok2 := strings.Cut(rest, dataHere)
	if !ok1 || !ok2 {
		return nil, errors.New("the chat template of the model leaves something out")
	}
	var list []llama.Token
	bos := llama.VocabGetAddBOS(p.vocab)
	for i, part := range []string{before, instruction, between, data, after} {
		part = strings.ReplaceAll(part, "\x00", "") // the library's texts end there
		isTemplate := i%2 == 0
		if part != "" || i == 0 && bos {
			list = append(list, llama.Tokenize(p.vocab, part, i == 0 && bos, isTemplate)...)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("the vocabulary of the model cannot be used")
	}
	return list, nil
}
