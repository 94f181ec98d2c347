/** The body of a test in a world of its own, which is stopped whatever comes of it: `test(title, inWorld(world, body))`. */
export const inWorld = <W extends { stop(): Promise<void> }>(make: () => Promise<W>, body: (world: W) => Promise<void>) => async (): Promise<void> => {
  const world = await make()
  try {
    await body(world)
  } finally {
    await world.stop()
  }
}
