from django.http import HttpResponse
from django.urls import path
from orders.tasks import confirm, refuse


def order(request, number):
    return HttpResponse(confirm.delay(number).id)


def bad_order(request, number):
    return HttpResponse(refuse.delay(number).id)


urlpatterns = [path("order/<int:number>", order), path("bad-order/<int:number>", bad_order)]
