package datasets

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
)

// A packed file holds a set that was published as many files, decoded:
//
//	8 bytes   LEMPACK1
//	samples   pixels: samples × height × width × channels, in NHWC order;
//	          or tokens: samples × tokens × 2 bytes, little-endian
//	labels    samples × 4 bytes, little-endian
//	parts     samples × 1 byte: 0 train, 1 validation, 2 test
//	header    JSON
//	32 bytes  SHA-256 of the header
//	4 bytes   length of the header, little-endian
//
// The header comes last, so that it can be written in one pass and a file that was cut
// off has none.

const (
	packMagic   = "LEMPACK1"
	packSuffix  = ".pack"
	packVersion = 1
	packTail    = sha256.Size + 4
	mostHeader  = 64 << 20
	mostSamples = 64 << 30 // bytes of samples
)

// packHeader describes a packed file.
type packHeader struct {
	Version int      `json:"version"`
	Made    string   `json:"made"` // digest of what it was made of: files, classes, splits, form
	Body    string   `json:"body"` // SHA-256 of all before the header
	Info    Info     `json:"info"`
	Checks  bool     `json:"checks"` // part 1 is the validation split; else that is drawn
	Notes   []string `json:"notes,omitempty"`
	Words   []string `json:"words,omitempty"` // of texts, by token id
}

// samples returns how many there are.
func (h packHeader) samples() int { return h.Info.Train + h.Info.Test }

// size returns the bytes of one sample.
func (h packHeader) size() int {
	if h.Info.Task == TextClassification {
		return tokenBytes * h.Info.Shape[0]
	}
	return h.Info.Shape[0] * h.Info.Shape[1] * h.Info.Shape[2]
}

// content is the fingerprint: of the samples and what they mean, not of where they
// came from.
func (h packHeader) content() string {
	kind := kindOf(h.Info.Name)
	decides := []any{h.Body, h.Info.DType, h.Info.Shape, h.Info.ClassNames, h.Info.Augment, h.Checks}
	if h.Info.Task == TextClassification {
		decides = append(decides, h.Words, h.Info.Published)
	}
	text, err := json.Marshal(decides)
	if err != nil {
		panic(err) // strings and numbers
	}
	sum := sha256.Sum256(text)
	return kind + ":" + hex.EncodeToString(sum[:8])
}

// check refuses a header that its own program would not have written.
func (h packHeader) check() error {
	i := h.Info
	if h.Version != packVersion {
		return fmt.Errorf("has the version %d, %d is needed", h.Version, packVersion)
	}
	pictures := i.Task == ImageClassification && i.DType == Uint8 && len(i.Shape) == 3
	texts := i.Task == TextClassification && i.DType == Int32 && len(i.Shape) == 1
	if !pictures && !texts {
		return fmt.Errorf("holds %s of the shape %v for %s, pictures of uint8 or texts of int32 are needed", i.DType, i.Shape, i.Task)
	}
	size := 1
	for _, side := range i.Shape {
		if side < 1 || side > 1<<14 {
			return fmt.Errorf("has the shape %v", i.Shape)
		}
		size *= side
	}
	if i.Train < 1 || i.Test < 0 || i.Validation < 1 || i.Validation >= i.Train || i.Train > math.MaxInt32 || i.Test > math.MaxInt32 ||
		len(i.ClassNames) < 2 || pictures && (len(i.Mean) != i.Shape[2] || len(i.Std) != i.Shape[2]) ||
		texts && (i.Vocabulary != len(h.Words) || i.Vocabulary <= firstWord || i.Vocabulary > mostWords+firstWord || i.Shape[0] > mostTokens) {
		return errors.New("has a header that contradicts itself")
	}
	if samples := i.Train + i.Test; samples > mostSamples/size {
		return fmt.Errorf("holds %d samples of %d bytes, which are too many", samples, size)
	}
	return nil
}

// packed is a packed file that is open.
type packed struct {
	header packHeader
	labels []int32
	parts  []part
	file   io.ReaderAt
}

// readPack reads everything but the samples.
func readPack(file io.ReaderAt, size int64) (*packed, error) {
	if size < int64(len(packMagic))+packTail {
		return nil, fmt.Errorf("has %d bytes (truncated)", size)
	}
	magic, tail := make([]byte, len(packMagic)), make([]byte, packTail)
	if _, err := file.ReadAt(magic, 0); err != nil {
		return nil, err
	}
	if string(magic) != packMagic {
		return nil, errors.New("is no packed file")
	}
	if _, err := file.ReadAt(tail, size-packTail); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(tail[sha256.Size:]))
	end := size - packTail - length
	if length > mostHeader || end < int64(len(packMagic)) {
		return nil, errors.New("has no header (truncated)")
	}
	text := make([]byte, length)
	if _, err := file.ReadAt(text, end); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(text); !bytes.Equal(sum[:], tail[:sha256.Size]) {
		return nil, errors.New("has a damaged header (truncated, or changed since it was made)")
	}
	p := &packed{file: file}
	if err := json.Unmarshal(text, &p.header); err != nil {
		return nil, fmt.Errorf("has a header that cannot be read: %w", err)
	}
	if err := p.header.check(); err != nil {
		return nil, err
	}
	n, body := p.header.samples(), int64(p.header.samples())*int64(p.header.size())
	if want := int64(len(packMagic)) + body + 5*int64(n); end != want {
		return nil, fmt.Errorf("has %d bytes before its header, %d belong there", end, want)
	}
	rest := make([]byte, 5*n)
	if _, err := file.ReadAt(rest, int64(len(packMagic))+body); err != nil {
		return nil, err
	}
	return p, p.readLabels(rest)
}

// readLabels reads labels and parts, and counts them.
func (p *packed) readLabels(rest []byte) error {
	n, info := p.header.samples(), p.header.Info
	p.labels, p.parts = make([]int32, n), make([]part, n)
	var count [3]int
	for i := range n {
		label, in := binary.LittleEndian.Uint32(rest[4*i:]), rest[4*n+i]
		if uint64(label) >= uint64(len(info.ClassNames)) || in > byte(partTest) {
			return fmt.Errorf("has the label %d and the split %d in sample %d", label, in, i)
		}
		p.labels[i], p.parts[i] = int32(label), part(in)
		count[in]++
	}
	if count[partTest] != info.Test || p.header.Checks && count[partValidation] != info.Validation || !p.header.Checks && count[partValidation] > 0 {
		return fmt.Errorf("has splits of %v samples, not those of its header", count)
	}
	return nil
}

// samples hands what every sample is read from to read, which takes just that, and checks
// the sum of the whole.
func (p *packed) samples(read func(i int, from io.Reader) error) error {
	n, size := p.header.samples(), p.header.size()
	sum := sha256.New()
	body := io.NewSectionReader(p.file, 0, int64(len(packMagic))+int64(n)*int64(size)+5*int64(n))
	in := bufio.NewReaderSize(io.TeeReader(body, sum), 1<<18)
	if _, err := in.Discard(len(packMagic)); err != nil {
		return err
	}
	for i := range n {
		if err := read(i, in); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.header.Body {
		return fmt.Errorf("has the SHA-256 %s, %s was made (damaged, or changed since)", got, p.header.Body)
	}
	return nil
}

// withPack opens a packed file, hands it to f and names it in errors.
func withPack(path string, f func(*packed) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	p, err := readPack(file, info.Size())
	if err == nil {
		err = f(p)
	}
	if err != nil {
		return fmt.Errorf("%s %w; prepare the set again", path, err)
	}
	return nil
}

// refOf checks a packed file and returns what [Prepare] does.
func refOf(path string) (ref Ref, err error) {
	err = withPack(path, func(p *packed) error {
		ref = Ref{Dir: path, Fingerprint: p.header.content(), Notes: p.header.Notes, Info: p.header.Info}
		scratch := make([]byte, p.header.size())
		return p.samples(func(_ int, from io.Reader) error {
			_, err := io.ReadFull(from, scratch)
			return err
		})
	})
	return ref, err
}

// kept is refOf for a packed file whose sources are gone.
func (p prep) kept(path string) (Ref, error) {
	ref, err := refOf(path)
	if err == nil && ref.Info.Published > 0 && !p.partial {
		return Ref{}, fmt.Errorf("%s is of a partial copy: %s; %s", path, ref.Info.Partial(), partialMend)
	}
	return ref, err
}

// loadPack reads a packed file into the one copy that a set keeps of its samples.
func loadPack(path string) (set *Set, err error) {
	err = withPack(path, func(p *packed) error {
		set = p.set()
		i := set.Info
		set.Train, set.Test = p.alloc(i.Train), p.alloc(i.Test)
		var train, test int
		return p.samples(func(i int, from io.Reader) error {
			into, at := &set.Train, &train
			if p.parts[i] == partTest {
				into, at = &set.Test, &test
			}
			k := *at
			*at++
			into.Labels[k] = p.labels[i]
			return p.read(from, into, k)
		})
	})
	return set, err
}

// loadPackFor reads of a packed file what [LoadFor] keeps, and passes over the rest.
func loadPackFor(path string, samples int) (set *Set, err error) {
	err = withPack(path, func(p *packed) error {
		set = p.set()
		var at []int // of Train's samples, in the file
		for i, label := range p.labels {
			if p.parts[i] != partTest {
				at, set.Train.Labels = append(at, i), append(set.Train.Labels, label)
			}
		}
		set.divide()
		rows := set.narrow(samples)
		set.Train = p.alloc(len(rows))
		slot := make([]int, len(p.labels)) // in Train, from 1; 0 is none
		for k, row := range rows {
			slot[at[row]], set.Train.Labels[k] = k+1, p.labels[at[row]]
		}
		return p.samples(func(i int, from io.Reader) error {
			if slot[i] > 0 {
				return p.read(from, &set.Train, slot[i]-1)
			}
			_, err := io.CopyN(io.Discard, from, int64(p.header.size()))
			return err
		})
	})
	return set, err
}

// set is what the header and the parts tell of a set.
func (p *packed) set() *Set {
	s := &Set{Info: p.header.Info, Words: p.header.Words, content: p.header.content()}
	train := int32(0)
	for _, in := range p.parts {
		if in == partValidation {
			s.validation = append(s.validation, train)
		}
		if in != partTest {
			train++
		}
	}
	return s
}

// alloc returns a split of n samples.
func (p *packed) alloc(n int) Split {
	if i := p.header.Info; i.Task == TextClassification {
		return allocTokens(n, i.Shape[0])
	}
	return alloc(n, p.header.size())
}

// read reads the next sample into the k-th of a split.
func (p *packed) read(from io.Reader, into *Split, k int) error {
	i, size := p.header.Info, p.header.size()
	if i.Task == TextClassification {
		return readTokens(from, into.Tokens[k*i.Shape[0]:][:i.Shape[0]], i.Vocabulary)
	}
	_, err := io.ReadFull(from, into.Images[k*size:][:size])
	return err
}

// findPack is find for the set of that packed file.
func findPack(path string) (string, bool) {
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}

// findPackOf is find for a set that is packed, of files of one's own or of a download.
func findPackOf(s interface{ own() (string, error) }, cache, name string) (string, bool) {
	path, ok := findPack(packOf(cache, name))
	if own, err := s.own(); !ok && (err != nil || own == "") {
		return "", false
	}
	return path, ok
}

// loadPacked is load for a set that is packed.
func loadPacked(ref Ref) (*Set, error) {
	if ref.Dir == "" {
		return nil, errors.New("its packed file is not named: prepare the set first")
	}
	return loadPack(ref.Dir)
}

// packWriter writes a packed file.
type packWriter struct {
	file *os.File
	out  *bufio.Writer
	sum  hash.Hash // of all that was written
	to   io.Writer
}

func newPackWriter(path string) (*packWriter, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &packWriter{file: file, out: bufio.NewWriterSize(file, 1<<18), sum: sha256.New()}
	w.to = io.MultiWriter(w.sum, w.out)
	return w, w.write([]byte(packMagic))
}

func (w *packWriter) write(data []byte) error {
	_, err := w.to.Write(data)
	return err
}

// finish writes what follows the samples, and waits until the file is on the disk.
func (w *packWriter) finish(labels []int32, parts []part, h packHeader) error {
	var rest []byte
	for _, label := range labels {
		rest = binary.LittleEndian.AppendUint32(rest, uint32(label))
	}
	for _, p := range parts {
		rest = append(rest, byte(p))
	}
	if err := w.write(rest); err != nil {
		return err
	}
	h.Version, h.Body = packVersion, hex.EncodeToString(w.sum.Sum(nil))
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	tail := binary.LittleEndian.AppendUint32(append(text, sum[:]...), uint32(len(text)))
	if err := w.write(tail); err != nil {
		return err
	}
	return errors.Join(w.out.Flush(), w.file.Sync(), w.file.Close())
}

// abort closes and removes the file.
func (w *packWriter) abort() {
	w.file.Close()
	os.Remove(w.file.Name())
}
