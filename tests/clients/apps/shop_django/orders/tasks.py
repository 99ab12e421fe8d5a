from celery import shared_task


@shared_task
def confirm(number):
    return {"order": number}


@shared_task
def refuse(number):
    raise ValueError(f"order {number} is refused")
