import { Empty } from "../parts/feedback";

export default function Page() {
  return (
    <>
      <h1 class="vh">Not built yet</h1>
      <Empty title="This screen is not built yet" />
    </>
  );
}
