// A table whose columns sort it; the address bar keeps by which one, so that a link shows the same.
import type { ReactNode } from 'react'
import { useUrlValue } from './use-url-value'

export interface Column<Line> {
  readonly name: string
  readonly show: (line: Line) => ReactNode
  /** What the column sorts by; without it, it does not. */
  readonly by?: (line: Line) => string | number
  readonly isNumber?: boolean
  /** Only for those who listen: the column's buttons speak for themselves. */
  readonly isSilent?: boolean
}

interface DataTableProps<Line> {
  /** What tells this table's order from another's in the address. */
  readonly name: string
  readonly columns: readonly Column<Line>[]
  readonly lines: readonly Line[]
  readonly attributesOf?: (line: Line) => Record<`data-${string}`, string>
}

export function DataTable<Line extends { readonly id: string }>({ name, columns, lines, attributesOf }: DataTableProps<Line>): ReactNode {
  const [order, setOrder] = useUrlValue(`${name}-by`, '')
  return (
    <div className="relative overflow-x-auto">
      <table className="lines w-full text-sm">
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.name} column={column} order={order} onOrder={setOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {inOrder(lines, columns, order).map((line) => (
            <tr key={line.id} {...attributesOf?.(line)}>
              {columns.map((column) => (
                <td key={column.name} className={column.isNumber ? 'number' : ''}>
                  {column.show(line)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

interface HeadingProps<Line> {
  readonly column: Column<Line>
  readonly order: string
  readonly onOrder: (order: string) => void
}

function Heading<Line>({ column, order, onOrder }: HeadingProps<Line>): ReactNode {
  const direction = order === column.name ? 'ascending' : order === `-${column.name}` ? 'descending' : 'none'
  const look = column.isNumber ? 'number' : ''
  if (column.by === undefined) {
    return <th className={look}>{column.isSilent ? <span className="sr-only">{column.name}</span> : column.name}</th>
  }
  const next = { none: column.name, ascending: `-${column.name}`, descending: '' }[direction]
  return (
    <th className={look} aria-sort={direction}>
      <button type="button" className="font-medium hover:text-ink" onClick={() => onOrder(next)}>
        {column.name}
        <span aria-hidden>{{ none: '', ascending: ' ↑', descending: ' ↓' }[direction]}</span>
      </button>
    </th>
  )
}

/** Put lines into the order that is asked for: a column's name, with "-" before it for descending; as they come otherwise. */
export function inOrder<Line>(lines: readonly Line[], columns: readonly Column<Line>[], order: string): readonly Line[] {
  const by = columns.find((column) => column.name === order.replace(/^-/, ''))?.by
  if (by === undefined) return lines
  const sign = order.startsWith('-') ? -1 : 1
  return [...lines].sort((one, other) => sign * compare(by(one), by(other)))
}

function compare(one: string | number, other: string | number): number {
  return typeof one === 'number' && typeof other === 'number' ? one - other : String(one).localeCompare(String(other))
}
