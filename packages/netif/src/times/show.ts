/** Times as Zephyr's `net stats` prints them. */

import type { DirectionTimes, PacketTime, PacketTimesStatistics, TimeSum } from './layer.ts'

const micros = ({ sum, count }: TimeSum): number => (count === 0 ? 0 : Math.round(sum / count * 1000))

/** `time 60 us [0->22->15->23=60 us]`: each average is rounded by itself, so that the two totals may differ by a few. */
function average(time: PacketTime): string {
  const stages = time.stages.map(micros)
  const detail = stages.length === 0 ? '' : ` [0->${stages.join('->')}=${stages.reduce((sum, each) => sum + each, 0)} us]`
  return `time ${micros(time)} us${detail}`
}

const direction = (name: string, { classes, ...all }: DirectionTimes): string[] => [
  `Avg ${name} net_pkt (${all.count}) ${average(all)}`,
  ...classes.length < 2 ? [] : classes.map((time, index) => `[${index}] (${time.count}) ${average(time)}`).filter((_, index) => classes[index]!.count > 0),
]

/** A line for each direction, and below it one for each class that had packets, the lowest first. */
export function show({ sent, received }: PacketTimesStatistics): string {
  return [...sent ? direction('TX', sent) : [], ...received ? direction('RX', received) : []].join('\n')
}
