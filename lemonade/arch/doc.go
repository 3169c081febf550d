// Package arch turns architecture programs into networks.
//
// An architecture is a small program in Starlark, the dialect of Python that
// has no input or output, no imports and no endless loops:
//
//	def network(x, classes):
//	    x = relu(batch_norm(conv(x, 32, kernel = 3)))
//	    x = max_pool(x, 2)
//	    return dense(global_avg_pool(x), classes)
//
//	def recipe():
//	    return training(optimizer = "sgd", learning_rate = 0.2)
//
// [Parse] runs it with symbolic tensors and returns a [Program]: the text, a
// [Network], in which every shape is known, and a [Recipe]. From the network
// alone come its [Costs], its [Network.Hash], a [Network.Summary], a drawing
// ([Network.Mermaid]) and the program again ([Print]), so that a network can be
// edited mechanically ([Build]) and shown as code.
//
// # Shapes
//
// A [Shape] is that of one sample: the batch axis is never written. Images are
// [H W C], sequences [T C], vectors [C]. A text is [Tokens], ids [T] that
// embedding turns into a sequence and token_mask into a mask [T]; nothing else
// reads them. Axes are counted without the batch axis; negative ones from the end. Operators broadcast as in numpy: shapes are
// aligned at the right, and axes of size 1 stretch.
//
// # Operations
//
// Every operation is declared once, in the table that [Ops] returns: its name,
// arguments, documentation, and its rules for shape, weights and cost.
// [Reference] is generated from it. Operations with weights take share = "name":
// those of one name share their weights.
//
// # Canonical form
//
// A Network is always in its canonical form: only what the output depends on,
// equal pure subexpressions merged, the operands of + and * in an order that
// depends on the structure alone, and nodes numbered by a post-order walk from
// the output. So programs that describe the same graph under other names, in
// another order or through other helper functions have the same hash.
//
// # Limits
//
// Programs are foreign text. [MaxSource], [MaxSteps], [MaxNodes], [MaxDepth],
// [MaxParams], [MaxElements] and [MaxRank] bound what one may ask for; none makes
// Parse panic. Memory is not bounded by Starlark: run foreign programs in a process
// that is.
package arch
